// Two nodes on an emulated fabric, with tunables of their own, one of which pings the other; then as much of a node on
// an RDMA device as this machine has.
import EmulatedTransport
import LustreWire
import RDMATransport
import Verbena
import VerbsTransport

@main struct Outside {
  static let fabric = "outside-\(UInt64.random(in: 0 ... .max))"

  static func start(_ nid: NID) async throws -> Node {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    try configuration.setTunable("peer_credits", to: 16)
    try configuration.setTunable("retry_count", to: 3)
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  static func main() async throws {
    guard let one = NID("10.0.0.1@o2ib"), let two = NID("10.0.0.2@o2ib") else { return }
    let nodes = [try await start(one), try await start(two)]
    let reply = try await nodes[0].ping(two, timeout: .seconds(60))
    print("\(two) is \(reply.nids.map(\.description).joined(separator: " "))")
    for node in nodes { await node.stop() }

    do {
      let node = try await Node.start(NodeConfiguration(nids: [one])) {
        () throws(TransportError) in
        try VerbsTransport(VerbsTransport.Configuration(address: one.address))
      }
      print("\(one) on \(node.deviceName)")
      await node.stop()
    } catch {
      print("no node on a device: \(error)")
    }
  }
}
