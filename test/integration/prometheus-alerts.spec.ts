/** docs/prometheus/alerts.yml: a real Prometheus reads the rules, scrapes the exporter, and every rule finds data. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { LockService } from 'nestjs-locked';
import { LockTelemetryModule } from 'nestjs-locked/telemetry';
import { LockControls, LockTestingModule } from 'nestjs-locked/testing';
import { eventually } from '../support/eventually.js';
import { freePort } from '../transports/support/free-port.js';
import { endAll, start } from '../support/module-apps.js';

const RULES = resolve('docs/prometheus/alerts.yml');
const installed = ['prometheus', 'promtool'].every(
  (program) => spawnSync(program, ['--version']).error === undefined,
);
if (!installed && process.env.CI !== 'true') console.log('No prometheus: its rules are not checked.');

/** The part of each rule's expression before its threshold. */
const expressions = [...readFileSync(RULES, 'utf8').matchAll(/expr: (.*) > \d+$/gm)].map(
  ([, query]) => query,
);

(installed || process.env.CI === 'true' ? describe : describe.skip)('the alerts', () => {
  let server: ChildProcess;
  let meters: MeterProvider;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    const [exporterPort, port] = [await freePort(), await freePort()];
    const exporter = new PrometheusExporter({ port: exporterPort, host: '127.0.0.1' });
    meters = new MeterProvider({ readers: [exporter] });
    metrics.setGlobalMeterProvider(meters);
    folder = mkdtempSync(join(tmpdir(), 'lock-test-prometheus-'));
    const config = join(folder, 'prometheus.yml');
    const target = `{ job_name: app, scrape_interval: 1s, static_configs: [{ targets: ['127.0.0.1:${exporterPort}'] }] }`;
    writeFileSync(config, `rule_files: ['${RULES}']\nscrape_configs:\n  - ${target}\n`);
    url = `http://127.0.0.1:${port}`;
    server = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    await eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200), {
      within: 15_000,
      every: 100,
    });
  }, 30_000);
  afterAll(async () => {
    await endAll();
    const ended = new Promise((resolveEnd) => server.once('exit', resolveEnd));
    server.kill('SIGKILL');
    await ended;
    metrics.disable();
    await meters.shutdown();
    rmSync(folder, { recursive: true, force: true });
  });

  it('given the rules, then promtool finds no fault', () => {
    const { status, stdout } = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringContaining('SUCCESS: 4 rules found')]);
  });

  it('given locks that are held, waited for and lost, then each rule finds data', async () => {
    const app = await start(LockTestingModule.forRoot(), LockTelemetryModule.forRoot());
    const locks = app.get(LockService);
    const controls = app.get(LockControls);
    await expect(locks.using('import', () => controls.expire('import'))).rejects.toThrow();
    controls.disconnect();
    await expect(locks.acquire('import', { wait: 0 })).rejects.toThrow();
    controls.reconnect();
    const held = await locks.acquire('import');
    const waiting = locks.acquire('import');
    expect(expressions).toHaveLength(4);
    for (const expression of expressions) {
      await eventually(
        async () => {
          const reply = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
          const { data } = (await reply.json()) as { data: { result: unknown[] } };
          expect(data.result).not.toEqual([]);
        },
        { within: 15_000, every: 200 },
      );
    }
    await held.release();
    await (await waiting).release();
  }, 60_000);
});
