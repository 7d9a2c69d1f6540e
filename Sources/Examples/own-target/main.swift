// Serves an object target with handlers of its own on an emulated fabric, until end of file on standard input: it keeps
// attributes of objects in memory, and says how full it is. With -, it also asks itself from a second node, and ends.
// Usage: own-target FABRIC ADDRESS [-]
//
//   own-target demo 10.0.0.50 &
//   ask-target demo 10.0.0.77 10.0.0.50@o2ib own-OST0000_UUID
internal import EmulatedTransport
internal import Glibc
internal import LustreWire
internal import RDMATransport
internal import Verbena

/// What the target keeps. Handlers run as tasks of their own, so an actor keeps them in order.
actor Shelf {
  private var objects: [ObjectID: ObjectAttributes] = [:]

  func attributes(of object: ObjectID) throws -> ObjectAttributes {
    guard let found = objects[object] else { throw TargetRefusal(errno: ENOENT) }
    return found
  }

  func set(_ attributes: ObjectAttributes) -> ObjectAttributes {
    objects[attributes.object] = attributes
    return attributes
  }

  var count: Int { objects.count }
}

/// A target with three handlers.
func makeTarget(_ shelf: Shelf) throws -> ServedTarget {
  var target = try ServedTarget("own-OST0000")
  target.handle(.ostSetAttributes) { (wish: ObjectAttributes, _) in await shelf.set(wish) }
  target.handle(.ostGetAttributes) { (wish: ObjectAttributes, _) in
    try await shelf.attributes(of: wish.object)
  }
  target.handle(.ostStatfs) { request in
    var statistics = Statfs()
    statistics.files = UInt64(await shelf.count)
    print("\(request.client) at \(request.nid) asks how full it is")
    return TargetReply(statistics)
  }
  return target
}

func start(
  _ nid: NID, on fabric: String, _ targets: [ServedTarget] = []
) async throws(NodeError) -> Node {
  var configuration = NodeConfiguration(nids: [nid])
  configuration.bulkByteCount = 1 << 20
  configuration.enableConnections(imports: 4, clients: targets.isEmpty ? 0 : 64)
  return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
    try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
  }
}

/// Keeps an object's size at the target, asks for it, and for one that is not there.
func ask(_ server: NID, on fabric: String) async throws {
  let node = try await start(.o2ib(server.address + 1), on: fabric)
  guard let name = ObdUUID("own-OST0000_UUID") else { return }
  let connection = try await node.connect(to: name, at: [server], timeout: .seconds(10))
  var wish = ObjectAttributes()
  wish.object = .echo(7)
  wish.size = 4711
  _ = try await connection.request(.ostSetAttributes, buffers: [wish.wireBytes])
  let found = try await connection.request(.ostGetAttributes, buffers: [wish.wireBytes])
  print("size \(try found.value(ObjectAttributes.self).size)")
  wish.object = .echo(8)
  let missing = try await connection.request(.ostGetAttributes, buffers: [wish.wireBytes])
  print("status \(missing.status)")
  await node.stop()
}

let words = CommandLine.arguments.dropFirst().map { $0 }
guard (2...3).contains(words.count), let own = NID("\(words[1])@o2ib") else {
  print("usage: own-target FABRIC ADDRESS [-]")
  exit(64)
}
do {
  let shelf = Shelf()
  let node = try await start(own, on: words[0], [try makeTarget(shelf)])
  print("own-OST0000 at \(own)")
  if words.count == 3 {
    try await ask(own, on: words[0])
  } else {
    while readLine() != nil {}
  }
  await node.stop()
} catch {
  print("\(error)")
  exit(1)
}
