// Property: a request that says that it comes again is answered from a reply that was kept only if it asks the same; one of
// another kind with that XID is refused, is counted, and harms nobody (spec 10 §10, 8.7).
// Method: a peer that makes each byte changes something, then sends every other request under the same XID.
import Connections
import LustreWire
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Testing

@Suite struct RepeatedRequestTests {
  private struct Request {
    var opcode: Opcode
    var portal: Portal
    var buffers: [[UInt8]]
  }

  private static func object(_ opcode: Opcode, _ portal: Portal) -> Request {
    var attributes = ObjectAttributes()
    attributes.object = .echo(1)
    attributes.valid = [.id, .group, .size, .blocks]
    attributes.size = 100
    attributes.blocks = .max
    return Request(opcode: opcode, portal: portal, buffers: [attributes.encoded])
  }

  private static func transfer(_ opcode: Opcode) -> Request {
    let isWrite = opcode == .ostWrite
    var attributes = ObjectAttributes()
    attributes.object = .echo(1)
    attributes.valid = [.id, .group, .flags]
    attributes.flags = .shortIO
    var request = ObjectRequest()
    request.object = .echo(1)
    request.rangeCount = 1
    let range = RemoteRange(0, length: 64, flags: isWrite ? .write : .read)
    let data = isWrite ? [UInt8](repeating: 7, count: 64) : []
    return Request(
      opcode: opcode, portal: .ostIO,
      buffers: [attributes.encoded, request.encoded, range.encoded, [], data])
  }

  private static let changes = [
    object(.ostCreate, .ostCreate), object(.ostSetAttributes, .ostRequest),
    object(.ostPunch, .ostIO), object(.ostDestroy, .ostIO),
  ]
  private static let others = [
    transfer(.ostRead), transfer(.ostWrite), object(.ostGetAttributes, .ostRequest),
    object(.ostSync, .ostRequest),
  ]

  private func send(
    _ scene: RawScene, _ handle: Cookie, _ request: Request, as repeated: UInt64? = nil
  ) -> (xid: UInt64, answer: RawAnswer?) {
    var message = FuzzedMessage(request.opcode, request.portal, request.buffers)
    message.body.handle = handle
    message.body.connectionCount = 1
    if repeated != nil { message.body.flags.insert(.resent) }
    let xid = scene.peer.send(message.bytes, message.portal, as: repeated)
    scene.world.run(0.5) { scene.peer.answers[xid] != nil }
    return (xid, scene.peer.answers[xid])
  }

  @Test("a kept reply is no other request's", arguments: 0..<changes.count)
  func objects(change: Int) throws {
    let scene = try RawScene()
    let handle = try #require(scene.answer(scene.connect(.object))?.handle)
    #expect(send(scene, handle, Self.changes[0]).answer?.status == 0)
    let request = Self.changes[change]
    let (xid, answer) = send(scene, handle, request)
    #expect(answer?.status == 0)
    let before = scene.server.roles.objectServers[0].counters
    let others = Self.others + Self.changes.filter { $0.opcode != request.opcode }
    for other in others {
      let answer = send(scene, handle, other, as: xid).answer
      #expect(answer?.status == WireErrno.eproto.status, "\(other.opcode)")
    }
    var after = scene.server.roles.objectServers[0].counters
    #expect(after.refused == before.refused + UInt64(others.count))
    #expect(after.writes == before.writes && after.repeated == before.repeated)
    // The same one is answered as before.
    #expect(send(scene, handle, request, as: xid).answer == answer)
    after = scene.server.roles.objectServers[0].counters
    #expect(after.repeated == before.repeated + 1)
    scene.expectNoHarm()
  }

  @Test("11 §10: a single sequence's number is not read as that of a super-range")
  func sequences() throws {
    let scene = try RawScene()
    let handle = try #require(scene.answer(scene.connect(.metadata))?.handle)
    func query(_ operation: UInt8) -> Request {
      Request(
        opcode: .sequenceQuery, portal: .seqMetadata,
        buffers: [[operation, 0, 0, 0], SequenceRange().encoded])
    }
    let (xid, answer) = send(scene, handle, query(1))
    #expect(answer?.status == 0)
    #expect(send(scene, handle, query(0), as: xid).answer?.status == WireErrno.eproto.status)
    #expect(send(scene, handle, query(1), as: xid).answer?.status == 0)
    let counters = scene.server.roles.metadataServers[0].counters
    #expect(counters.sequencesRepeated == 1 && counters.malformed == 1)
    scene.expectNoHarm()
  }
}
