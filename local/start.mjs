import module from 'node:module'

// The first file that runs, so it must parse on any Node: everything after it needs one that runs TypeScript.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Feira needs Node 24 and this is ${process.versions.node}.
On Linux and Windows \`npm ci\` brings Node 24 along for npm's scripts: run it, then \`npm start\`.
Elsewhere install it from https://nodejs.org or with your version manager.`)
  process.exit(1)
}

// Later starts find what V8 has compiled before.
module.enableCompileCache()

await import('./src/main.ts')
