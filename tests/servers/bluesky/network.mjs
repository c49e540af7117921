// Starts a Bluesky network (identities, two data servers, app view, moderation) on free ports of loopback.
// Prints one line of JSON when it answers, and stops by itself when its standard input ends.
import net from 'node:net'
import { TestNetwork, TestPds, mockMailer } from '@atproto/dev-env'

// The servers would listen on every interface of the machine; they offer no setting for it.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...given) {
  if (typeof given[0] === 'number') given.splice(1, typeof given[1] === 'string' ? 1 : 0, '127.0.0.1')
  else if (given[0] && typeof given[0] === 'object' && 'port' in given[0]) given[0] = { ...given[0], host: '127.0.0.1' }
  return listen.apply(this, given)
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject)
    probe.listen(0, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

const port = await freePort()
const network = await TestNetwork.create({
  dbPostgresSchema: 'network',
  pds: { hostname: 'localhost', enableDidDocWithSession: true },
  bsky: { port, publicUrl: `http://localhost:${port}` },
})
// A second data server with the limits of the real one, for whoever wants to run into them.
const strict = await TestPds.create({
  hostname: 'localhost',
  didPlcUrl: network.plc.url,
  inviteRequired: false,
  rateLimitsEnabled: true,
  bskyAppViewUrl: network.bsky.url,
  bskyAppViewDid: network.bsky.ctx.cfg.serverDid,
})
mockMailer(network.pds)
process.stdout.write(JSON.stringify({ pds: network.pds.url, strict: strict.url, appview: network.bsky.url }) + '\n')

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  await Promise.allSettled([strict.close(), network.close()])
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
process.stdin.on('end', stop).resume()
