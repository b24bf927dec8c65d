// The page of one task: its output, its chart, its pictures, the dialog that changes it.

import * as forms from "./forms.js";
import * as pictures from "./pictures.js";
import * as chart from "./task_chart.js";
import * as log from "./task_log.js";

forms.start();
pictures.start();
log.start();
chart.start();
