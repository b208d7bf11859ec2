/**
 * The studio's parts inside the Gradio page: what Python says goes in, what the visitor does comes out.
 *
 * Each `attach...` is called from the `js_on_load` of a `gr.HTML` with what Gradio gives it there.
 */

export {attachAnnotate} from './annotate.js';
export {attachFilms} from './films.js';
export {attachKept} from './page_kept.js';
export {attachDownloads} from './page_saving.js';
export {attachSight} from './page_sight.js';
export {attachStudio} from './page_studio.js';
export {attachTable} from './page_table.js';
export {attachTrainings} from './page_trainings.js';
