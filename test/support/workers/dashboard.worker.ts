/** An application with the dashboard in a process of its own, which SIGTERM ends. */
import { serve } from '../child-worker.js';
import { type Platform, startDashboard } from '../dashboard.js';

export const handlers = {
  /** @returns the address of the page. */
  start: async (platform: Platform): Promise<string> => {
    const { app, url } = await startDashboard({ platform, forceCloseConnections: false });
    app.enableShutdownHooks();
    return url;
  },
};

serve(handlers);
