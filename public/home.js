/** The start page: local times, and forms that say what they do. */
import './page.js';
import './upload.js';
