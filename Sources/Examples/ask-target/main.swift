// Connects to one target of a running server on an emulated fabric, asks whether it is there, and how full it is, and
// leaves. Usage: ask-target FABRIC OWN-ADDRESS SERVER-NID TARGET
//
//   verbena serve --fabric demo --bind 10.0.0.1 --mgs --mdt 0 --ost 0 --fsname lfs
//   ask-target demo 10.0.0.77 10.0.0.1@o2ib lfs-OST0000_UUID
internal import EmulatedTransport
internal import Glibc
internal import LustreWire
internal import RDMATransport
internal import Verbena

let words = CommandLine.arguments.dropFirst().map { $0 }
guard words.count == 4, let own = NID("\(words[1])@o2ib"), let server = NID(words[2]),
  let target = ObdUUID(words[3])
else {
  print("usage: ask-target FABRIC OWN-ADDRESS SERVER-NID TARGET")
  exit(64)
}
let fabric = words[0]

var configuration = NodeConfiguration(nids: [own])
configuration.bulkByteCount = 1 << 20
// Connections to targets, and no targets of its own.
configuration.enableConnections(imports: 4)
do {
  let node = try await Node.start(configuration) { () throws(TransportError) in
    try EmulatedTransport.open(fabric: fabric, addresses: [own.address])
  }
  // The import reconnects by itself for as long as it exists.
  let connection = try await node.connect(to: target, at: [server], timeout: .seconds(10))
  try await connection.ping()
  // A request of one's own: OST_STATFS has no buffer but the body; the reply has the statistics.
  let reply = try await connection.request(.ostStatfs)
  print("\(target): status \(reply.status), \(reply.buffers.first?.count ?? 0) bytes of statistics")
  await connection.disconnect()
  await node.stop()
} catch {
  print("\(error)")
  exit(1)
}
