// Property: a management server answers what real servers answer, and refuses what is spoilt or forged without harm.
// Method: requests made by hand, and the captured registration, from a node that is connected to it.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct ManagementRequestTests {
  final class Connected {
    let cluster: ManagedCluster
    let caller = Caller()
    private(set) var mgc = ImportHandle.none

    init() throws {
      cluster = try ManagedCluster()
      cluster.world.run(30) { cluster.isOpen }
      try cluster.world.add(caller, limits: World.limits(cookie: 0x800_0000))
      let handle = try #require(caller.connect(.mgc, to: "MGS", on: 0))
      mgc = handle
      cluster.world.run(30) { caller.state(handle) == .full }
      cluster.world.run(3)
    }

    func ask(
      _ opcode: Opcode, _ buffers: [[UInt8]], replyByteCount: Int = 12_288
    ) throws -> Answer {
      let tag = caller.ask(opcode, on: mgc, buffers, replyByteCount: replyByteCount)
      cluster.world.run(30) { caller.answers[tag] != nil }
      return try #require(caller.answers[tag])
    }

    var counters: ManagementCounters { cluster.management.roles.managementServers[0].counters }
    func end() {
      // It still serves everyone else.
      #expect(throws: Never.self) {
        let watcher = try cluster.watcher()
        cluster.world.run(30) { watcher.map != nil }
        #expect(watcher.map?.objectTargets.count == 1)
      }
    }
  }

  private static func buffers(_ vector: String) throws -> [[UInt8]] {
    let bytes = GoldenFile.vector(vector, in: "captured-rpcs.txt")
    let message = try RPCMessage(decoding: bytes.rawBytes)
    return (1..<message.bufferCount).compactMap { index in
      message.range(of: index, in: bytes.rawBytes).map { Array(bytes[$0]) }
    }
  }

  @Test func theCapturedRegistration() throws {
    let connected = try Connected()
    let answer = try connected.ask(
      .mgsTargetRegister, try Self.buffers("MGS_TARGET_REG request"))
    #expect(answer.status == 0)
    let isSame = answer.buffers == (try Self.buffers("MGS_TARGET_REG reply"))
    #expect(isSame, "the structure differs from the captured one")
    connected.end()
  }

  private func registration(_ flags: TargetFlags, count: Int = 1) -> [[UInt8]] {
    var info = TargetInfo()
    info.flags = flags
    info.index = 9
    info.fileSystem = WireText("lfs") ?? WireText()
    info.nidCount = UInt32(count)
    var list = [UInt8](repeating: 0, count: TargetNIDList.byteCount(of: count))
    list.withMutableRawSpan {
      _ = TargetNIDList.encode(
        (0..<count).map { WireText("10.0.1.\($0 + 1)@o2ib") ?? WireText() }, into: &$0)
    }
    return [info.encoded, list]
  }

  @Test func spoiltRegistrations() throws {
    let connected = try Connected()
    let sound = registration([.ost, .virgin, .update, .largeNIDs, .register])
    var isLyingList = sound[1]
    isLyingList[4] = 2
    var isNoNID = sound[1]
    isNoNID[8] = 0x20
    let manyNIDs = registration([.ost, .virgin, .update, .largeNIDs, .register], count: 45)
    let spoilt = [
      [Array(sound[0].dropLast(8)), sound[1]], [sound[0], isLyingList], [sound[0], isNoNID], [],
      manyNIDs, [sound[0] + [UInt8](repeating: 0, count: 64 * 39), sound[1]],
    ]
    for buffers in spoilt {
      let answer = try connected.ask(.mgsTargetRegister, buffers)
      #expect(answer.status == WireErrno.eproto.status)
    }
    #expect(connected.counters.malformed == UInt64(spoilt.count))
    // What is well formed but no target is answered with the structure.
    let none = try connected.ask(
      .mgsTargetRegister, registration([.ost, .mdt, .largeNIDs, .register]))
    #expect(none.status == WireErrno.einval.status)
    let info: TargetInfo = try #require(none.value())
    #expect(info.flags.contains(.error) && info.index == 9)
    #expect(connected.counters.registrationsRefused == 1)
    #expect(
      connected.cluster.management.roles.managementServers[0].fileSystems[0].targets.count == 2)
    connected.end()
  }

  private static func name(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  @Test func logs() throws {
    let connected = try Connected()
    let body = LogBody().encoded
    let absent = try connected.ask(.logOpen, [body, Self.name("lfs-sptlrpc"), []])
    #expect(absent.status == WireErrno.enoent.status)
    #expect(absent.buffers == [body])
    let parameters = try connected.ask(.logOpen, [body, Self.name("params"), []])
    #expect(parameters.value(LogBody.self)?.log == LogID(object: 2, sequence: 10))
    let opened = try connected.ask(.logOpen, [body, Self.name("lfs-client"), []])
    var asked: LogBody = try #require(opened.value())
    #expect(asked.log.object >= 3)
    let header = try connected.ask(.logReadHeader, [asked.encoded])
    #expect(header.status == 0 && header.buffers[0].count == LogHeader.byteCount)
    var isSwapped = false
    let chunk = header.buffers[0]
    let decoded = try LogHeader(decoding: chunk.rawBytes, swapped: &isSwapped)
    asked.index = decoded.lastIndex
    let block = try connected.ask(.logNextBlock, [asked.encoded])
    let end = try #require(block.value(LogBody.self))
    #expect(end.savedIndex == decoded.lastIndex)
    asked.index = decoded.lastIndex + 1
    let beyond = try connected.ask(.logNextBlock, [asked.encoded])
    #expect(beyond.status == WireErrno.ebadr.status)
    #expect(beyond.body?.type == .reply)
    #expect(beyond.value(LogBody.self)?.savedIndex == decoded.lastIndex)
    #expect(beyond.value(LogBody.self)?.offset == end.offset)
    connected.end()
  }

  @Test func spoiltLogRequests() throws {
    let connected = try Connected()
    let body = LogBody().encoded
    let unnamed: [[[UInt8]]] = [
      [], [body], [body, Array("lfs-client".utf8), []], [body, [0], []],
      [body, [0x61, 0, 0x62, 0], []], [Array(body.dropLast()), Self.name("params"), []],
      [body, [UInt8](repeating: 0x61, count: 300), []],
    ]
    for buffers in unnamed {
      let answer = try connected.ask(.logOpen, buffers)
      #expect(answer.status == WireErrno.eproto.status)
    }
    for opcode in [Opcode.logReadHeader, .logNextBlock] {
      #expect(try connected.ask(opcode, []).status == WireErrno.eproto.status)
      var forged = LogBody()
      for id in [LogID(), LogID(object: 77, sequence: 10), LogID(object: 3, sequence: 11)] {
        forged.log = id
        forged.index = .max
        #expect(try connected.ask(opcode, [forged.encoded]).status == WireErrno.enoent.status)
      }
    }
    for opcode in [Opcode.logPreviousBlock, .mgsTargetDelete, .mdsStatfs] {
      #expect(try connected.ask(opcode, [body]).status == WireErrno.eopnotsupp.status)
    }
    connected.end()
  }

  @Test func tablesThatAreNotThere() throws {
    let connected = try Connected()
    func status(_ change: (inout ConfigReadRequest) -> Void) throws -> Int32 {
      var request = ConfigReadRequest()
      request.name = WireText("lfs-cliir") ?? WireText()
      request.type = ConfigurationLock.recovery.rawValue
      request.nidByteCount = 20
      request.unitBits = 12
      request.units = 4
      change(&request)
      return try connected.ask(.mgsConfigRead, [request.encoded]).status
    }
    let unsupported = WireErrno.eopnotsupp.status
    let invalid = WireErrno.einval.status
    #expect(try status { $0.type = ConfigurationLock.configuration.rawValue } == unsupported)
    #expect(try status { $0.type = ConfigurationLock.nodeMap.rawValue } == invalid)
    #expect(try status { $0.type = 77 } == unsupported)
    #expect(try status { $0.units = 0 } == invalid)
    #expect(try status { $0.units = .max } == invalid)
    #expect(try status { $0.unitBits = 63 } == invalid)
    #expect(try status { $0.nidByteCount = 9 } == invalid)
    #expect(try status { $0.name = WireText("lfs") ?? WireText() } == invalid)
    #expect(try connected.ask(.mgsConfigRead, []).status == WireErrno.eproto.status)
    connected.end()
  }

  /// Memory is promised, but does not lie open: the server gives up, and keeps nothing.
  @Test func aTableWithoutAPlace() throws {
    let connected = try Connected()
    func freePieces() -> Int {
      connected.cluster.management.use { $0.turn.memory.bulk.freePieceCount }
    }
    let before = freePieces()
    var request = ConfigReadRequest()
    request.name = WireText("lfs-cliir") ?? WireText()
    request.type = ConfigurationLock.recovery.rawValue
    request.nidByteCount = 20
    request.unitBits = 12
    request.units = 4
    _ = connected.caller.ask(.mgsConfigRead, on: connected.mgc, [request.encoded])
    connected.cluster.world.run(0.01)
    #expect(connected.cluster.management.roles.managementServers[0].transfers.count == 1)
    connected.cluster.world.run(200)
    #expect(connected.counters.tablesRead >= 1)
    connected.caller.close(connected.mgc)
    connected.cluster.world.run(100)
    #expect(connected.cluster.management.roles.managementServers[0].transfers.isEmpty)
    #expect(freePieces() == before)
    connected.end()
  }

  @Test func locksThatWouldKeepOthersOut() throws {
    let connected = try Connected()
    var request = LockRequest()
    request.descriptor.type = .plain
    request.descriptor.resource = ResourceID(configuration: "lfs", kind: .configuration)
    for mode in [LockMode.exclusive, .protectedWrite, .none] {
      request.descriptor.requestedMode = mode
      let buffer = request.encoded + [UInt8](repeating: 0, count: 16)
      #expect(try connected.ask(.ldlmEnqueue, [buffer]).status == WireErrno.einval.status)
    }
    request.descriptor.requestedMode = .concurrentRead
    request.descriptor.type = .extent
    let buffer = request.encoded + [UInt8](repeating: 0, count: 16)
    #expect(try connected.ask(.ldlmEnqueue, [buffer]).status == WireErrno.einval.status)
    connected.end()
  }

  @Test func settings() throws {
    let connected = try Connected()
    func status(_ text: String) throws -> Int32 {
      let buffer = Array(text.utf8) + [UInt8](repeating: 0, count: 1024 - text.utf8.count)
      let answer = try connected.ask(.mgsSetInfo, [buffer])
      #expect(answer.buffers == [buffer])
      return answer.status
    }
    #expect(try status("lfs.lov.stripesize=1M") == 0)
    #expect(try status("lfs.lov.stripecount=-1") == 0)
    #expect(try status("lfs.sys.timeout=3") == WireErrno.einval.status)
    #expect(try connected.ask(.mgsSetInfo, [[1, 2]]).status == WireErrno.eproto.status)
    connected.end()
  }
}
