// Words what was found; the same project gives the same bytes, so nothing of the moment stands in it.
import type { Finding, Fix, Project } from './rules.js'

export function reportOf(project: Project, findings: readonly Finding[], fix: Fix | undefined): string {
  const { name, version } = project.package
  const of = (level: Finding['level']) => findings.filter((finding) => finding.level === level)
  return `${[
    `# Release check: ${cell(name)} ${cell(version)}`,
    '',
    `${of('error').length} error(s), ${of('warning').length} warning(s).`,
    '',
    ...(findings.length === 0 ? ['Everything fits together.'] : ['| level | rule | what |', '| --- | --- | --- |']),
    ...findings.map(({ level, rule, message }) => `| ${level} | ${rule} | ${cell(message)} |`),
    '',
    '## What was looked at',
    '',
    `- changelog: ${project.changelog ? cell(project.changelog.path) : 'none'}`,
    `- lock file: ${project.lock === undefined ? 'none' : 'package-lock.json'}`,
    `- tags: ${project.tags.length}`,
    `- allowed licences: ${project.allowedLicences.map(cell).join(', ')}`,
    ...(fix ? ['', '## Proposed change', '', `- ${cell(fix.why)}`] : []),
  ].join('\n')}\n`
}

/** Text of a project in a table of Markdown: one line, and no markup of its own. */
function cell(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null)
  return text
    .slice(0, 300)
    .replace(/[\p{C}\s]+/gu, ' ')
    .replace(/[\\|`*_[\]<>#!]/g, (sign) => `\\${sign}`)
}
