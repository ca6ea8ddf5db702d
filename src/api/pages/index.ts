/** The pages: pure functions from what is to be shown to a complete HTML document. */
export { type GroupPageView, renderGroupPage } from './group.ts';
export { type HomeView, renderHome } from './home.ts';
export { type ListPageView, renderListPage } from './list.ts';
export { type ProblemView, renderProblemPage } from './problem.ts';
export { renderSignIn, type SignInView } from './sign-in.ts';
export { renderTaskPage, type TaskPageView } from './task.ts';
