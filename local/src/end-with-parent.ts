// Preloaded into programs that must not outlive the one that started them, even if that is ended by `kill -9`: a service of
// `--processes` left behind would hold its port against the next start.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// The channel alone must not keep alive a program that is done.
process.channel?.unref()
