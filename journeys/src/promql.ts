/** The metrics that a PromQL expression names. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"|'[^']*'/g, '')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([name]) => name)
  return names.filter(name => !/^(?:and|or|unless|bool|offset)$/.test(name))
}

/** Without what Prometheus adds to the name of a histogram or summary. */
export function familyOf(metric: string): string {
  return metric.replace(/_(?:bucket|count|sum)$/, '')
}
