// Pulumi registers ts-node before it loads a policy pack, whatever the pack is written in, and ts-node needs an API that
// TypeScript 7 no longer has. Node 24 strips types itself, so there is nothing to register.
exports.VERSION = 'native'
exports.register = () => {}
