// Property: bulk data goes between the caller's memory and the handler's, whole and once, and a transfer that
// fails leaves the request without an answer (spec 13 §1, §3 to §5.6).
// Method: two whole nodes; the handler moves the data, the bytes are compared.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Testing

@Suite struct BulkTests {
  private final class Bench {
    let world = World()
    let server = TestServer()
    let client = TestClient()
    var memory = BufferRef.none
    var request = ServerRequestHandle.none
    var error: TransferError?

    /// - Parameter replies: whether the handler answers once the data was moved.
    init(_ direction: TransferDescription.Direction, serverBytes: [UInt8], pageOffset: Int = 0)
      throws
    {
      server.services = [ServiceDescription(.ostIO, .oscReply, requestByteCountMax: 64 << 10)]
      let limits = World.bareLimits { $0.bulkByteCount = 32 << 20 }
      server.handler = { [unowned self] handle, _, core in
        guard let run = core.turn.memory.bulk.allocateRun(byteCount: max(serverBytes.count, 1))
        else { preconditionFailure("the test's bulk memory is used up") }
        self.memory = run.part(offset: 0, length: serverBytes.count)
        if direction == .put { core.fill(self.memory, serverBytes) }
        self.request = handle
        do throws(TransferError) {
          try core.rpc.transfer(
            handle,
            TransferDescription(
              direction, portal: .ostBulk, memory: self.memory,
              pageOffset: UInt32(pageOffset), operationLimit: 16), turn: &core.turn)
        } catch {
          self.error = error
          core.rpc.refuse(handle, .eproto, turn: &core.turn)
        }
      }
      try world.addBare(server, limits: limits)
      try world.addBare(client, limits: limits)
    }

    func send(
      _ direction: BulkDescription.Direction, _ bytes: [UInt8], pageOffset: Int = 0
    ) throws -> (RequestHandle, BufferRef) {
      try world.use(1) { core in
        guard let run = core.turn.memory.bulk.allocateRun(byteCount: max(bytes.count, 1)) else {
          throw RPCError.busy
        }
        let part = run.part(offset: 0, length: bytes.count)
        core.fill(part, bytes)
        var draft = RequestDraft.ping()
        draft.opcode = direction == .source ? .ostWrite : .ostRead
        draft.requestPortal = .ostIO
        draft.replyPortal = .oscReply
        draft.bulk = BulkDescription(
          direction, portal: .ostBulk, memory: part, pageOffset: UInt32(pageOffset))
        return (try core.send(draft, over: route(to: 0)), part)
      }
    }

    /// Answers when the transfer has ended well.
    func serve(_ status: Int32 = 0) {
      world.run(5) { !self.server.events.isEmpty || !self.client.events.isEmpty }
      guard server.events.last?.status == 0 else { return }
      world.use(0) { core in
        core.rpc.reply(self.request, ReplyFields(status: status), turn: &core.turn)
      }
      world.run(1)
    }

    func finish(_ handle: RequestHandle, _ part: BufferRef) -> [String] {
      world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
      world.run(1)
      #expect(client.events.last?.kind == .released)
      world.use(1) { $0.turn.memory.release(part) }
      if memory != .none { world.use(0) { $0.turn.memory.release(self.memory) } }
      return world.stop()
    }
  }

  private func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 12) }
  }

  @Test(arguments: [
    (1, 0), (100, 4000), (3000, 0), (1 << 20, 0), (1 << 20, 512), (4 << 20, 0), (3_000_000, 100),
  ])
  func aWriteArrives(byteCount: Int, pageOffset: Int) throws {
    let bytes = pattern(byteCount)
    let bench = try Bench(
      .get, serverBytes: [UInt8](repeating: 0, count: byteCount), pageOffset: pageOffset)
    let (handle, part) = try bench.send(.source, bytes, pageOffset: pageOffset)
    bench.serve()
    #expect(bench.client.events.map(\.kind) == [.replied])
    let isSame = bench.world.use(0) { $0.contents(bench.memory) == bytes }
    #expect(isSame)
    let xid = try #require(bench.server.arrived.first).xid
    let count = (pageOffset + byteCount + (1 << 20) - 1) >> 20
    #expect(bench.server.arrived.first?.body.matchBits == xid + UInt64(count) - 1)
    #expect(bench.world.use(1) { $0.rpc.bulkByteCount(of: handle) } == UInt64(byteCount))
    #expect(bench.finish(handle, part) == [])
  }

  /// How much was asked for, and how much there is: the rest of the operations are empty (§3).
  @Test(arguments: [
    (4096, 4096), (1 << 20, 1 << 20), (4 << 20, 4 << 20), (4 << 20, 5000), (3 << 20, 0),
    (2 << 20, 1 << 20),
  ])
  func aReadArrives(wanted: Int, existing: Int) throws {
    let bytes = pattern(existing)
    let bench = try Bench(.put, serverBytes: bytes)
    let (handle, part) = try bench.send(.sink, [UInt8](repeating: 0xEE, count: wanted))
    bench.serve(Int32(existing))
    #expect(bench.client.events.map(\.kind) == [.replied])
    #expect(bench.client.events.map(\.status) == [Int32(existing)])
    let isSame = bench.world.use(1) { core in
      core.contents(part) == bytes + [UInt8](repeating: 0xEE, count: wanted - existing)
    }
    #expect(isSame)
    #expect(bench.world.use(1) { $0.rpc.bulkByteCount(of: handle) } == UInt64(existing))
    #expect(bench.finish(handle, part) == [])
  }

  /// A handler that wants more or less than the client's match bits name.
  @Test func anOperationCountThatDoesNotFitIsRefused() throws {
    let bench = try Bench(.get, serverBytes: [UInt8](repeating: 0, count: 3 << 20))
    let (handle, part) = try bench.send(.source, pattern(2 << 20))
    bench.world.run(1)
    #expect(bench.error == .operationCount)
    #expect(bench.client.events.map(\.status) == [-71])
    // After an error the bulk is not waited for (§1).
    #expect(bench.finish(handle, part) == [])
  }

  @Test func aReadLongerThanTheSinkIsCutOffByNobody() throws {
    let bench = try Bench(.put, serverBytes: pattern(8192))
    let (handle, part) = try bench.send(.sink, [UInt8](repeating: 0xEE, count: 4096))
    bench.world.run(130) { !bench.server.events.isEmpty }
    // LNet drops what is too long; the transfer fails, and no reply is sent (§5.6).
    #expect(bench.server.events.map(\.kind) == [.transferred])
    #expect(bench.server.events.allSatisfy { $0.status < 0 })
    let isUntouched = bench.world.use(1) { core in
      core.contents(part).allSatisfy { $0 == 0xEE }
    }
    #expect(isUntouched)
    bench.world.use(0) { $0.rpc.drop(bench.request, turn: &$0.turn) }
    bench.world.run(60) { !bench.client.events.isEmpty }
    #expect(bench.client.events.map(\.kind) == [.timedOut])
    #expect(bench.finish(handle, part) == [])
  }

  @Test func aResendMovesTheDataByNewMatchBits() throws {
    let bytes = pattern(2 << 20)
    let bench = try Bench(.get, serverBytes: [UInt8](repeating: 0, count: 2 << 20))
    bench.server.admission = { handle, _, core in
      core.rpc.drop(handle, turn: &core.turn)
      return false
    }
    let (handle, part) = try bench.send(.source, bytes)
    bench.world.run(12)
    #expect(bench.client.events.map(\.kind) == [.timedOut])
    bench.server.admission = nil
    bench.client.events = []
    bench.world.use(1) { $0.rpc.resend(handle, over: route(to: 0)) }
    bench.serve()
    #expect(bench.client.events.map(\.kind) == [.replied])
    try #require(bench.server.arrived.count == 2)
    #expect(bench.server.arrived[0].xid == bench.server.arrived[1].xid)
    #expect(
      bench.server.arrived[1].body.matchBits == bench.server.arrived[0].body.matchBits + 128)
    let isSame = bench.world.use(0) { $0.contents(bench.memory) == bytes }
    #expect(isSame)
    #expect(bench.finish(handle, part) == [])
  }

  /// As when the client connects anew, or is evicted (§5.6).
  @Test func anAbortedTransferGivesItsMemoryBack() throws {
    let bench = try Bench(.get, serverBytes: [UInt8](repeating: 0, count: 2 << 20))
    let (handle, part) = try bench.send(.source, pattern(2 << 20))
    let deadline = bench.world.fabric.now + 5 * second
    bench.world.run(5) { bench.request != .none || bench.world.fabric.now > deadline }
    bench.world.use(0) { $0.rpc.abortTransfers(ofExport: 0, turn: &$0.turn) }
    bench.world.run(120) { !bench.server.events.isEmpty }
    #expect(bench.server.events.map(\.kind) == [.transferred])
    #expect(bench.server.events.map(\.status) == [-107])
    bench.world.use(0) { $0.rpc.drop(bench.request, turn: &$0.turn) }
    bench.world.run(60) { !bench.client.events.isEmpty }
    #expect(bench.client.events.map(\.kind) == [.timedOut])
    #expect(bench.finish(handle, part) == [])
  }

  @Test func aClientThatDiesEndsTheTransfer() throws {
    let bench = try Bench(.get, serverBytes: [UInt8](repeating: 0, count: 2 << 20))
    let handler = bench.server.handler
    nonisolated(unsafe) var late = ServerRequestHandle.none
    bench.server.handler = { handle, _, _ in late = handle }
    _ = try bench.send(.source, pattern(2 << 20))
    bench.world.run(1)
    bench.world.kill(1)
    bench.world.use(0) { core in handler(late, core.rpc.received(late), &core) }
    bench.world.run(300) { !bench.server.events.isEmpty }
    #expect(bench.server.events.map(\.kind) == [.transferred])
    #expect(bench.server.events.allSatisfy { $0.status < 0 })
    bench.world.use(0) { core in
      core.rpc.drop(bench.request, turn: &core.turn)
      core.turn.memory.release(bench.memory)
    }
    bench.world.run(1)
    #expect(bench.world.stop() == [])
  }
}
