// A reporter for Node's test runner: JUnit XML that names the file of each test, which the runner's own does not.
// It lives in the runner's process; each test file has a process of its own.
import { relative } from 'node:path';

const escape = (text) =>
  String(text)
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '?')
    .replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);

const fileOf = (path) => (path ? relative(process.cwd(), path) || path : '');

function mark(data, failed, isFile) {
  const skipped = data.skip !== undefined && data.skip !== false;
  const todo = data.todo !== undefined && data.todo !== false;
  const fault = isFile ? '<error message="the file ended with an error"/>' : '<failure/>';
  return (skipped ? '<skipped/>' : todo ? '<skipped type="todo"/>' : '') + (failed ? fault : '');
}

function testcase(data, file, suites, failed) {
  const isFile = data.nesting === 0 && fileOf(data.name) === file;
  const time = (Number(data.details?.duration_ms) || 0) / 1000;
  return (
    suites.map((suite) => `<testsuite name="${escape(suite)}">`).join('') +
    `<testcase file="${escape(file)}" name="${escape(isFile ? file : data.name)}" time="${time}">` +
    mark(data, failed, isFile) +
    `</testcase>${'</testsuite>'.repeat(suites.length)}\n`
  );
}

export default async function* reporter(source) {
  const begun = new Map(); // by file: the names of the tests that have begun, by depth
  yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n';
  for await (const { type, data } of source) {
    const file = fileOf(data?.file);
    const open = begun.get(file) ?? [];
    if (type === 'test:start') {
      begun.set(file, [...open.slice(0, data.nesting), data.name]);
    } else if (type === 'test:pass' || type === 'test:fail') {
      const failed = type === 'test:fail';
      // a suite is no test; but its hooks can fail where its tests do not
      const isOwn = data.details?.type !== 'suite' || (failed && data.details.error?.failureType !== 'subtestsFailed');
      if (isOwn) yield testcase(data, file, open.slice(0, data.nesting), failed);
    }
  }
  yield '</testsuites>\n';
}
