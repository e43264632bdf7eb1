/** The entry `nestjs-locked/dashboard`: a page that shows the locks of an application, live. */
export { LockDashboardModule } from './dashboard.module.js';
export type { LockDashboardOptions, ReleasePermission } from './dashboard.options.js';
