// A WRITE and a READ of a captured client, of 1 MiB each, put to our own object target: the replies are the captured ones but
// for times and transaction numbers; and what becomes of a WRITE whose bulk is shorter than it says.
// Method: the captured requests with the checksum of our data, sent by bare PtlRPC; vectors of capture 03.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
@testable import Roles
import Testing

@Suite struct CapturedTransferTests {
  private let io = (Portal.ostIO, Portal.oscReply)
  private let data = pattern(1 << 20)

  /// A cluster with a connection of the object target and the object that the capture is about.
  private func connected() throws -> (CapturedMountTests.Cluster, BulkChecksumKind) {
    let cluster = try CapturedMountTests.Cluster()
    _ = try cluster.ask(frame: 146, (.ostRequest, .oscReply))
    let written: ObjectAttributes = try Captured(frame: 170).value(0)
    var wanted = ObjectAttributes()
    wanted.object = written.object
    wanted.valid = [.id, .group]
    let create = FuzzedMessage(.ostCreate, .ostCreate, [wanted.encoded])
    let made = try cluster.ask(Captured(create.bytes), (.ostCreate, .oscReply))
    #expect(made.body.status == 0)
    return (cluster, written.flags.checksumKind)
  }

  /// The captured WRITE with the checksum of our data.
  private func request(_ kind: BulkChecksumKind) throws -> Captured {
    var request = try Captured(frame: 170)
    var attributes: ObjectAttributes = request.value(0)
    attributes.checksum = BulkChecksum.compute(kind, over: data.rawBytes, at: 0)
    request.buffers[0] = attributes.encoded
    return request
  }

  @Test func writeAndRead() throws {
    let (cluster, kind) = try connected()
    let sum = BulkChecksum.compute(kind, over: data.rawBytes, at: 0)
    let written = try cluster.ask(request(kind), io, source: data, bulkPortal: .ostBulk)
    var expected = try Captured(frame: 1216)
    #expect(written.body.type == expected.body.type)
    #expect(written.body.status == expected.body.status)
    #expect(written.buffers.map(\.count) == expected.buffers.map(\.count))
    #expect(written.buffers[1] == expected.buffers[1])
    #expect(written.body.transno > 0)
    var (ours, theirs): (ObjectAttributes, ObjectAttributes) = (
      written.value(0), expected.value(0)
    )
    #expect(ours.checksum == sum && ours.flags == theirs.flags)
    // Ours says the size of its blocks.
    #expect(ours.valid.symmetricDifference(theirs.valid) == .blockSize)
    #expect(ours.object == theirs.object && ours.size == theirs.size)
    #expect(ours.modificationTime == theirs.modificationTime)
    #expect(ours.mode == theirs.mode && ours.grant == theirs.grant)

    let read = try cluster.ask(
      frame: 1250, io, sinkByteCount: data.count, bulkPortal: .ostBulk)
    expected = try Captured(frame: 2300)
    #expect(read.body.type == expected.body.type)
    #expect(read.body.status == expected.body.status)
    #expect(read.buffers.map(\.count) == expected.buffers.map(\.count))
    ours = read.value(0)
    theirs = expected.value(0)
    #expect(ours.valid == theirs.valid)
    #expect(ours.checksum == sum && ours.flags == theirs.flags)
    #expect(cluster.client.bulk == data)
    #expect(cluster.world.leaks().isEmpty)
  }

  @Test("13 §5.6: bulk that comes short ends in nothing written, and the target serves on")
  func bulkComesShort() throws {
    let (cluster, kind) = try connected()
    try cluster.client.send(
      request(kind), to: World.nid(0), io, handle: cluster.handle,
      source: Array(data[..<100_000]), bulkPortal: .ostBulk)
    func counters() -> ObjectServerCounters { cluster.server.roles.objectServers[0].counters }
    cluster.world.run(120) { counters().abandoned > 0 }
    #expect(counters().abandoned > 0 && counters().bytesWritten == 0)
    #expect(cluster.client.answer == nil)
    let again = try cluster.ask(request(kind), io, source: data, bulkPortal: .ostBulk)
    #expect(again.body.status == 0)
    // The client itself waits for its first answer a while longer.
    #expect(cluster.world.leaks().filter { $0.hasPrefix("node 0") }.isEmpty)
  }
}
