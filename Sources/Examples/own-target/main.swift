// Serves an object target with handlers of its own on an emulated fabric, until end of file on standard input: it keeps
// objects in memory, and says how full it is. With the NID of a management server it is registered there as a target of
// lfs, so that mounts find it. With -, it also asks itself from a second node, and ends.
// Usage: own-target FABRIC ADDRESS [MGS-NID] [-]
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
  private var objects: [ObjectID: [UInt8]] = [:]

  func size(of object: ObjectID) throws -> UInt64 {
    guard let bytes = objects[object] else { throw TargetRefusal(errno: ENOENT) }
    return UInt64(bytes.count)
  }

  func write(_ bytes: [UInt8], to object: ObjectID, at offset: Int) {
    var all = objects[object] ?? []
    if all.count < offset + bytes.count {
      all += Array(repeating: 0, count: offset + bytes.count - all.count)
    }
    all.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    objects[object] = all
  }

  func read(_ count: Int, of object: ObjectID, at offset: Int) throws -> [UInt8] {
    guard let bytes = objects[object] else { throw TargetRefusal(errno: ENOENT) }
    return Array(bytes.dropFirst(offset).prefix(count))
  }

  var count: Int { objects.count }
}

/// A target with four handlers.
func makeTarget(_ name: String, _ shelf: Shelf) throws -> ServedTarget {
  var target = try ServedTarget(name)
  target.handle(.ostGetAttributes) { (wish: ObjectAttributes, _) in
    var found = wish
    found.size = try await shelf.size(of: wish.object)
    found.valid.insert(.size)
    return found
  }
  target.handle(.ostStatfs) { request in
    var statistics = Statfs()
    statistics.files = UInt64(await shelf.count)
    return TargetReply(statistics)
  }
  // The data of a write lies in the client's memory: it comes over RDMA into memory of this node.
  target.handle(.ostWrite) { request in
    let wish: ObjectAttributes = try request.value()
    guard let range = try request.ranges().first else { throw TargetRefusal(errno: EPROTO) }
    let buffer = try await request.allocate(byteCount: Int(range.length))
    let transfer = await request.receive(into: buffer)
    let moved = try transfer.result.get()
    await shelf.write(transfer.buffer.prefix(moved), to: wish.object, at: Int(range.offset))
    // A result for each range.
    return TargetReply(buffers: [wish.wireBytes, [0, 0, 0, 0]])
  }
  // And that of a read goes from here into the client's.
  target.handle(.ostRead) { request in
    var wish: ObjectAttributes = try request.value()
    guard let range = try request.ranges().first else { throw TargetRefusal(errno: EPROTO) }
    let bytes = try await shelf.read(Int(range.length), of: wish.object, at: Int(range.offset))
    wish.valid.remove(.checksum)
    guard !bytes.isEmpty else { return TargetReply(wish) }
    var buffer = try await request.allocate(byteCount: bytes.count)
    buffer.store(bytes)
    let transfer = await request.send(buffer)
    return TargetReply(status: Int32(try transfer.result.get()), buffers: [wish.wireBytes])
  }
  return target
}

func start(
  _ nid: NID, on fabric: String, _ targets: [ServedTarget] = []
) async throws(NodeError) -> Node {
  var configuration = NodeConfiguration(nids: [nid])
  configuration.bulkByteCount = 4 << 20
  configuration.enableConnections(imports: 16, clients: targets.isEmpty ? 0 : 64)
  return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
    try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
  }
}

/// Writes an object of the target and reads it back, and asks for one that is not there.
func ask(_ name: String, at server: NID, _ management: NID?, by node: Node) async throws {
  guard let uuid = ObdUUID("\(name)_UUID") else { return }
  let objects: ObjectTarget
  if let management {
    let mount = try await node.mount("lfs", management: [[management]])
    guard let found = try await mount.objectTargets().first(where: { $0.name == uuid }) else {
      return print("\(uuid) is not in lfs")
    }
    objects = found
  } else {
    objects = try await node.connect(to: uuid, at: [server], timeout: .seconds(10)).objects()
  }
  let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
  var buffer = try await node.allocate(byteCount: bytes.count)
  buffer.store(bytes)
  let written = await objects.write(buffer, to: .echo(7))
  _ = try written.result.get()
  print("size \(try await objects.attributes(of: .echo(7)).size)")
  let read = await objects.read(into: written.takeBuffer(), from: .echo(7))
  let count = try read.result.get()
  print(read.buffer.prefix(count) == bytes ? "the same came back" : "something else came back")
  do {
    _ = try await objects.attributes(of: .echo(8))
  } catch { print("errno \(error.errno)") }
}

var words = CommandLine.arguments.dropFirst().map { $0 }
let isAsking = words.last == "-"
if isAsking { words.removeLast() }
let management = words.count == 3 ? NID(words[2]) : nil
guard (2...3).contains(words.count), let own = NID("\(words[1])@o2ib"),
  words.count == 2 || management != nil
else {
  print("usage: own-target FABRIC ADDRESS [MGS-NID] [-]")
  exit(64)
}
do {
  let name = management == nil ? "own-OST0000" : "lfs-OST0007"
  var target = try makeTarget(name, Shelf())
  // The node starts when it is registered.
  if let management { target.managementNodes = [[management]] }
  let node = try await start(own, on: words[0], [target])
  print("\(name) at \(own)")
  if isAsking {
    let client = try await start(.o2ib(own.address + 1), on: words[0])
    try await ask(name, at: own, management, by: client)
    await client.stop()
  } else {
    while readLine() != nil {}
  }
  await node.stop()
} catch {
  print("\(error)")
  exit(1)
}
