/** The start page: its recent tasks are kept up to date, and its forms show how far an upload is. */
import './tasks.js';
import './upload.js';
