// The page of a sweep: its table and pictures follow by themselves (live.js).

import * as pictures from "./pictures.js";

pictures.start();
