/** The start page: tasks that move, and forms that say what they do. */
import './tasks.js';
import './upload.js';
