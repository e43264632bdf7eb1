// Writes the public API of each entry point into api/, so that a commit shows how it changes the API. `npm run api`
// rewrites the reports. `npm run api -- --check` fails if a report differs, and changes nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = join(root, 'api');
/** The folder is not in node_modules, where the extractor would read the declarations as those of another package. */
const work = join(root, `.api-${process.pid}`);
const packageFile = join(root, 'package.json');
const { name, exports } = JSON.parse(readFileSync(packageFile, 'utf8'));

/** The entry points of package.json: `.` is lib/index.ts, `./testing` is lib/testing/index.ts. */
const entries = Object.keys(exports)
  .filter((entry) => !entry.endsWith('.json'))
  .map((entry) => ({
    report: `${[name, ...entry.split('/').slice(1)].join('-')}.api.md`,
    file: join(work, 'declarations', entry, 'index.d.ts'),
  }));

/** Compiles only the declarations, from the sources, so that no build is needed before. */
function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', join(work, 'declarations')];
  const { status } = spawnSync(process.execPath, [tsc, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('The compiler found errors.');
}

function extract({ file, report }) {
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: packageFile,
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: file,
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'ESNext.Disposable'],
            module: 'nodenext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
          files: [file],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: report,
        reportFolder: work,
        reportTempFolder: join(work, 'temp'),
        includeForgottenExports: false,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          // Reports a type that a public type names, and that users cannot import.
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const { succeeded } = Extractor.invoke(config, {
    localBuild: true,
    showVerboseMessages: false,
    messageCallback: (message) => {
      // The report is written into the working folder, so it is new each time, and its messages say nothing.
      if (message.messageId.startsWith('console-')) message.logLevel = ExtractorLogLevel.None;
    },
  });
  if (!succeeded) throw new Error(`The public API of ${report} could not be read.`);
  return readFileSync(join(work, report), 'utf8');
}

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r\n', '\n') : undefined);

function main(checking) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  mkdirSync(reports, { recursive: true });
  compile();
  const stale = new Set(readdirSync(reports).filter((file) => file.endsWith('.api.md')));
  const differing = [];
  for (const entry of entries) {
    const text = extract(entry);
    stale.delete(entry.report);
    if (read(join(reports, entry.report)) === text) continue;
    differing.push(entry.report);
    if (!checking) writeFileSync(join(reports, entry.report), text);
  }
  for (const report of stale) {
    differing.push(report);
    if (!checking) rmSync(join(reports, report));
  }
  if (differing.length === 0) return console.log('The reports in api/ are the public API.');
  console.log(
    `${checking ? 'Not' : 'Now'} the public API: ${differing.map((file) => `api/${file}`).join(', ')}`,
  );
  if (!checking) return;
  console.error('The public API has changed. If it should, run `npm run api` and commit what it writes.');
  process.exitCode = 1;
}

try {
  main(process.argv.includes('--check'));
} finally {
  rmSync(work, { recursive: true, force: true });
}
