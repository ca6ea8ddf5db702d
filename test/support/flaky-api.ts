/** An API that reads from the database through a proxy, which a test can make misbehave. */
import { startApi, type TestApi } from './api.ts';
import { FlakyProxy } from './flaky-proxy.ts';

export async function startApiThroughProxy(): Promise<{ own: TestApi; proxy: FlakyProxy } & AsyncDisposable> {
  let proxy: FlakyProxy | undefined;
  const own = await startApi({
    async changeStore(store) {
      proxy = await FlakyProxy.start(store.db.url);
      return { ...store, db: { ...store.db, url: proxy.url } };
    },
  });
  if (!proxy) throw new Error('the proxy did not start');
  const started = proxy;
  return {
    own,
    proxy: started,
    async [Symbol.asyncDispose]() {
      started.thaw();
      await own.close();
      await started[Symbol.asyncDispose]();
    },
  };
}
