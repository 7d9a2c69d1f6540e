// Mounts a file system of an emulated fabric, stores a file as an object of its first object target, reads it back into
// another file, and leaves. Usage: mount-and-copy FABRIC OWN-ADDRESS MGS-NID FSNAME SOURCE COPY
//
//   verbena serve --fabric demo --bind 10.0.0.1 --mgs --mdt 0 --ost 0-1 --fsname lfs
//   mount-and-copy demo 10.0.0.77 10.0.0.1@o2ib lfs /etc/services copy
internal import EmulatedTransport
internal import Foundation
internal import LustreWire
internal import RDMATransport
internal import Verbena

let words = CommandLine.arguments.dropFirst().map { $0 }
guard words.count == 6, let own = NID("\(words[1])@o2ib"), let server = NID(words[2]) else {
  print("usage: mount-and-copy FABRIC OWN-ADDRESS MGS-NID FSNAME SOURCE COPY")
  exit(64)
}
let (fabric, fileSystem, source, copy) = (words[0], words[3], words[4], words[5])
let pieceByteCount = 1 << 20

/// Writes a file's bytes to an object, a piece at a time from one buffer.
func store(
  _ data: Data, to object: ObjectID, at target: ObjectTarget, by node: Node
) async throws {
  var buffer = try await node.allocate(byteCount: pieceByteCount)
  for offset in stride(from: 0, to: data.count, by: pieceByteCount) {
    let piece = data[offset..<min(data.count, offset + pieceByteCount)]
    buffer.store(piece)
    // The buffer goes to the wire, and comes back with the result.
    let transfer = await target.write(
      buffer, byteCount: piece.count, to: object, at: UInt64(offset))
    let result = transfer.result
    buffer = transfer.takeBuffer()
    _ = try result.get()
  }
  try await target.sync(object)
}

/// Reads an object's bytes.
func fetch(_ object: ObjectID, from target: ObjectTarget, by node: Node) async throws -> Data {
  var data = Data()
  var buffer = try await node.allocate(byteCount: pieceByteCount)
  let byteCount = try await target.attributes(of: object).size
  while data.count < byteCount {
    let transfer = await target.read(into: buffer, from: object, at: UInt64(data.count))
    let result = transfer.result
    buffer = transfer.takeBuffer()
    let moved = try result.get()
    if moved == 0 { break }
    data += buffer.prefix(moved)
  }
  return data
}

var configuration = NodeConfiguration(nids: [own])
configuration.bulkByteCount = 16 << 20
configuration.enableConnections(imports: 64)
do {
  let data = try Data(contentsOf: URL(fileURLWithPath: source))
  let node = try await Node.start(configuration) { () throws(TransportError) in
    try EmulatedTransport.open(fabric: fabric, addresses: [own.address])
  }
  // Every target is connected when this returns, and connected again whenever it was lost.
  let mount = try await node.mount(fileSystem, management: [[server]], timeout: .seconds(20))
  for target in try await mount.targets() {
    print("\(target.name) \(target.state.rawValue) \(target.nid.map { "\($0)" } ?? "")")
  }
  guard let target = try await mount.objectTargets().first else {
    print("\(fileSystem) has no object target")
    exit(1)
  }
  let object = try await target.create()
  try await store(data, to: object, at: target, by: node)
  let found = try await fetch(object, from: target, by: node)
  try found.write(to: URL(fileURLWithPath: copy))
  try await target.remove(object)
  print("\(found.count) bytes by \(target.name): \(found == data ? "same" : "DIFFERENT")")
  await mount.unmount()
  await node.stop()
} catch {
  print("\(error)")
  exit(1)
}
