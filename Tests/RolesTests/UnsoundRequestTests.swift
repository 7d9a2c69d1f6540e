// Property: requests of every opcode that targets serve, with buffers too short, missing, too long or too many, are
// answered as a real server does, are counted, and harm nobody (spec 10 §10 8i, §11; 13 §5).
// Method: for each opcode a sound request and the lengths that its buffers must have; each is cut by a byte, emptied and
// left out, then lengthened and followed by others; a peer that makes each byte sends them, with an honest client beside.
import Connections
import LustreWire
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Testing

@Suite struct UnsoundRequestTests {
  /// A sound request, and which of its buffers may not be shorter.
  struct Row: Sendable, CustomTestStringConvertible {
    var opcode: Opcode
    var target: RawScene.Target
    var portal: Portal
    var buffers: [[UInt8]]
    /// Those that are needed as long as they are.
    var needed: [Int]
    /// The status of the sound one.
    var status: Int32 = 0
    /// Those that may have no other length: arrays, and texts.
    var exact: [Int] = []
    var testDescription: String { "\(opcode)" }

    init(
      _ opcode: Opcode, _ target: RawScene.Target, _ portal: Portal, _ buffers: [[UInt8]],
      needed: [Int], exact: [Int] = [], status: Int32 = 0
    ) {
      self.opcode = opcode
      self.target = target
      self.portal = portal
      self.buffers = buffers
      self.needed = needed
      self.exact = exact
      self.status = status
    }
  }

  private static func attributes(_ valid: AttributeValid = [.id, .group]) -> [UInt8] {
    var attributes = ObjectAttributes()
    attributes.object = .echo(1)
    attributes.valid = valid
    attributes.size = 100
    attributes.blocks = .max
    return attributes.encoded
  }

  private static func transfer(_ opcode: Opcode) -> Row {
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
    return Row(
      opcode, .object, .ostIO,
      [attributes.encoded, request.encoded, range.encoded, [], data],
      needed: isWrite ? [0, 1, 2, 4] : [0, 1, 2], exact: isWrite ? [1, 2, 4] : [1, 2])
  }

  private static func lock(_ target: RawScene.Target, _ portal: Portal) -> Row {
    var request = LockRequest()
    if target == .object {
      request.descriptor.type = .extent
      request.descriptor.resource = ObjectID.echo(1).resource
      request.descriptor.requestedMode = .protectedRead
      request.descriptor.policy = LockPolicy(extent: 0, through: .max)
    } else {
      request.descriptor.type = .plain
      request.descriptor.resource = ResourceID(configuration: "lfs", kind: .configuration)
      request.descriptor.requestedMode = .concurrentRead
    }
    // Of the 104 bytes that clients send, a lock's own handle is the last that must be there.
    let buffer = request.encoded + Cookie(rawValue: 0x1_0001).encoded
    return Row(.ldlmEnqueue, target, portal, [buffer], needed: [0])
  }

  private static let objects: [Row] = [
    Row(.ostGetAttributes, .object, .ostRequest, [attributes()], needed: [0]),
    Row(.ostSetAttributes, .object, .ostRequest, [attributes()], needed: [0]),
    Row(.ostCreate, .object, .ostCreate, [attributes()], needed: [0]),
    Row(.ostPunch, .object, .ostIO, [attributes([.id, .group, .size, .blocks])], needed: [0]),
    Row(.ostSync, .object, .ostRequest, [attributes()], needed: [0]),
    transfer(.ostWrite), transfer(.ostRead),
    Row(
      .ostGetInfo, .object, .ostRequest,
      [Array("last_fid".utf8) + [0], FID(0x2_4000_0400, 0).encoded], needed: [1]),
    Row(
      .ostSetInfo, .object, .ostRequest,
      [Array("grant_shrink".utf8) + [0], attributes([.grant])], needed: [1]),
    lock(.object, .ostRequest),
    Row(.ostDestroy, .object, .ostIO, [attributes()], needed: [0]),
  ]

  private static let others: [Row] = [
    Row(
      .mdsGetAttributes, .metadata, .mdsRequest,
      {
        var body = MetadataBody()
        body.fid1 = .root
        return [body.encoded]
      }(), needed: [0]),
    Row(
      .fldQuery, .metadata, .fldRequest,
      {
        var range = SequenceRange()
        range.start = 0x2_0000_0007
        return [[2, 0, 0, 0], range.encoded]
      }(), needed: [0, 1]),
    lock(.management, .mgsRequest),
    Row(
      .mgsSetInfo, .management, .mgsRequest,
      [Array("lfs.lov.stripesize=1M".utf8) + [UInt8](repeating: 0, count: 1003)], needed: [0]),
    Row(
      .logOpen, .management, .mgsRequest, [LogBody().encoded, Array("params".utf8) + [0]],
      needed: [0, 1], exact: [1]),
  ]

  /// A connection, and an object to work on where there are objects.
  private func connected(_ scene: RawScene, _ row: Row) throws -> Cookie {
    let connected = try #require(scene.answer(scene.connect(row.target)))
    #expect(connected.status == 0)
    if row.target == .object, row.opcode != .ostCreate {
      let made = scene.ask(connected.handle, .ostCreate, .ostCreate, [Self.attributes()])
      #expect(made?.status == 0)
    }
    return connected.handle
  }

  /// Refusals that targets count.
  private func refused(_ scene: RawScene) -> UInt64 {
    return scene.counters.requestsRefused + scene.server.roles.objectServers[0].counters.refused
      + scene.server.roles.metadataServers[0].counters.malformed
      + scene.server.roles.managementServers[0].counters.malformed
  }

  @Test("what is too short or not there is refused", arguments: objects + others)
  func tooLittle(row: Row) throws {
    let scene = try RawScene()
    let handle = try connected(scene, row)
    let before = refused(scene)
    var spoilt: [[[UInt8]]] = []
    for index in row.needed {
      var cut = row.buffers
      cut[index].removeLast()
      var empty = row.buffers
      empty[index] = []
      spoilt += [cut, empty, Array(row.buffers[..<index])]
    }
    for buffers in spoilt {
      let answer = scene.ask(handle, row.opcode, row.portal, buffers)
      #expect(answer?.status == WireErrno.eproto.status, "\(buffers.map(\.count))")
    }
    #expect(refused(scene) == before + UInt64(spoilt.count))
    // The connection has not suffered, and the sound one is served.
    let sound = scene.ask(handle, row.opcode, row.portal, row.buffers)
    #expect(sound?.status == row.status && sound?.type == .reply)
    scene.expectNoHarm()
  }

  @Test(
    "what is longer is taken, and so are buffers behind; but arrays and texts say how long they are",
    arguments: objects + others)
  func tooMuch(row: Row) throws {
    let scene = try RawScene()
    let handle = try connected(scene, row)
    var longer = row.buffers
    for index in row.needed where !row.exact.contains(index) {
      longer[index] += [UInt8](repeating: 0, count: 64)
    }
    let answer = scene.ask(handle, row.opcode, row.portal, longer)
    #expect(answer?.status == row.status && answer?.type == .reply)
    let before = refused(scene)
    for index in row.exact {
      var buffers = row.buffers
      buffers[index] += buffers[index]
      let answer = scene.ask(handle, row.opcode, row.portal, buffers)
      #expect(answer?.status == WireErrno.eproto.status, "\(buffers.map(\.count))")
    }
    #expect(refused(scene) == before + UInt64(row.exact.count))
    // 32 of them: the body, its own, and what nobody asks for.
    let many = row.buffers + [[UInt8]](repeating: [1, 2, 3], count: 31 - row.buffers.count)
    let last = scene.ask(handle, row.opcode, row.portal, many)
    #expect(last?.type == .reply || row.opcode == .ostDestroy)
    scene.expectNoHarm()
  }

  @Test(
    "10 §6.5: a message longer than its service takes, or with no number of buffers, draws no answer",
    arguments: objects + others)
  func tooLong(row: Row) throws {
    let scene = try RawScene()
    let handle = try connected(scene, row)
    let before = scene.rpc.requestsMalformed
    var message = FuzzedMessage(row.opcode, row.portal, row.buffers)
    message.body.handle = handle
    message.body.connectionCount = 1
    let bytes = message.bytes
    var rows: [[UInt8]] = [[0], [33], [255]].map { $0 + bytes.dropFirst() }
    rows.append(Array(bytes.dropLast(8)))
    let services = [ServiceDescription.mgs] + ServiceDescription.mds + ServiceDescription.ost
    let service = services.first { $0.requestPortal == row.portal }
    let limit = try #require(service?.requestByteCountMax)
    rows.append(bytes + [UInt8](repeating: 0, count: limit + 1 - bytes.count))
    for row in rows { #expect(scene.answer(row, message.portal) == nil) }
    #expect(scene.rpc.requestsMalformed == before + UInt64(rows.count))
    let sound = scene.answer(message)
    #expect(sound?.status == row.status && sound?.type == .reply)
    scene.expectNoHarm()
  }
}
