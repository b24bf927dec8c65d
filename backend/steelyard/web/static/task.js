// The page of one task: its output, its chart, its files, the dialog that changes it.

import * as files from "./files.js";
import * as forms from "./forms.js";
import * as pictures from "./pictures.js";
import * as chart from "./task_chart.js";
import * as log from "./task_log.js";

forms.start();
files.start();
pictures.start();
log.start();
chart.start();
