// What every page runs.

import * as actions from "./actions.js";
import * as beat from "./beat.js";
import * as figures from "./figures.js";
import * as folding from "./folding.js";
import * as live from "./live.js";
import * as moments from "./moments.js";
import * as notices from "./notices.js";
import * as startup from "./startup.js";
import * as trends from "./trends.js";

moments.start();
notices.start();
actions.start();
figures.start();
trends.start();
folding.start();
live.start();
startup.start();
beat.start();
