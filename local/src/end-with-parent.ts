// Preloaded into the services of `--processes`. When the process that started them is gone, be it by `kill -9`, they stop as
// well: otherwise the next start would find their ports taken.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
