/**
 * docs/prometheus/alerts.yml and docs/grafana: a real Prometheus reads the rules, scrapes the exporter, and each expression of
 * a rule and of a panel finds data.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
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

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

const { panels } = JSON.parse(readFileSync('docs/grafana/nestjs-locked.json', 'utf8')) as Dashboard;

/** The expressions of the panels, with one application and all keys chosen. */
function queriesOf(job: string): string[] {
  return panels.flatMap(({ targets }) =>
    targets.map(({ expr }) =>
      expr.replaceAll('$job', job).replaceAll('$template', '.*').replaceAll('$__rate_interval', '1m'),
    ),
  );
}

/** Serves what the exporter serves, with the names that the OpenTelemetry Collector gives. */
async function collector(exporterPort: number): Promise<Server> {
  const server = createServer((_, reply) => {
    void fetch(`http://127.0.0.1:${exporterPort}/metrics`)
      .then((metrics) => metrics.text())
      .then((text) =>
        reply.end(text.replace(/\bnestjs_locked_\w+_(duration|oldest)(?=_|\b)/g, '$&_seconds')),
      );
  });
  await new Promise<void>((resolveListen) => server.listen(0, '127.0.0.1', resolveListen));
  return server;
}

(installed || process.env.CI === 'true' ? describe : describe.skip)('the alerts', () => {
  let server: ChildProcess;
  let meters: MeterProvider;
  let folder: string;
  let renamed: Server;
  let url: string;

  beforeAll(async () => {
    const [exporterPort, port] = [await freePort(), await freePort()];
    const exporter = new PrometheusExporter({ port: exporterPort, host: '127.0.0.1' });
    meters = new MeterProvider({ readers: [exporter] });
    metrics.setGlobalMeterProvider(meters);
    folder = mkdtempSync(join(tmpdir(), 'lock-test-prometheus-'));
    const config = join(folder, 'prometheus.yml');
    renamed = await collector(exporterPort);
    const { port: renamedPort } = renamed.address() as AddressInfo;
    const target = (name: string, at: number) =>
      `  - { job_name: ${name}, scrape_interval: 1s, static_configs: [{ targets: ['127.0.0.1:${at}'] }] }`;
    const targets = [target('app', exporterPort), target('collector', renamedPort)].join('\n');
    writeFileSync(config, `rule_files: ['${RULES}']\nscrape_configs:\n${targets}\n`);
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
  }, 60_000);
  afterAll(async () => {
    await endAll();
    const ended = new Promise((resolveEnd) => server.once('exit', resolveEnd));
    server.kill('SIGKILL');
    await ended;
    metrics.disable();
    await meters.shutdown();
    renamed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('given the rules, then promtool finds no fault', () => {
    const { status, stdout } = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringContaining('SUCCESS: 4 rules found')]);
  });

  it('given locks that are held, waited for and lost, then each rule and each panel finds data', async () => {
    const app = await start(LockTestingModule.forRoot(), LockTelemetryModule.forRoot());
    const locks = app.get(LockService);
    const controls = app.get(LockControls);
    await expect(locks.using('import', () => controls.expire('import'))).rejects.toThrow();
    controls.disconnect();
    await expect(locks.acquire('import', { wait: 0 })).rejects.toThrow();
    controls.reconnect();
    const held = await locks.acquire('import');
    const waiting = locks.acquire('import');
    expect([expressions.length, panels.length]).toEqual([4, 8]);
    for (const expression of [...expressions, ...queriesOf('app'), ...queriesOf('collector')]) {
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
