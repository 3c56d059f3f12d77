// Serves dynalite in memory on a free port of 127.0.0.1, prints "ready URL",
// and ends when standard input does.
import dynalite from 'dynalite'

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
server.listen(0, '127.0.0.1', () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`)
})

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
