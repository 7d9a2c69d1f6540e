internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures
internal import Synchronization

// Bulk that handlers ask for, on the loop.
extension ServedTargets {
  /// Begins a transfer; its call is finished when the wire is done with the memory.
  func begin(_ bulk: ServedBulk, of flight: ServedFlight, _ node: inout NodeCore) {
    guard isActive(flight), node.rpc.isLive(flight.handle) else {
      return bulk.call.finish(
        .failure(
          NodeError(
            code: .cancelled, operation: bulk.operation, peer: bulk.peer,
            explanation: "the request is over: its client has left, or its time has passed")))
    }
    guard flight.bulk == nil else {
      return bulk.call.finish(
        .failure(
          NodeError(
            code: .configuration, operation: bulk.operation, peer: bulk.peer, errno: 22,
            explanation: "another transfer of the request is under way (EINVAL)")))
    }
    flight.bulk = bulk
    start(bulk, flight, &node)
  }

  private func start(_ bulk: ServedBulk, _ flight: ServedFlight, _ node: inout NodeCore) {
    let received = node.rpc.received(flight.handle)
    var description = TransferDescription(
      bulk.direction, portal: kinds[flight.target] == .ost ? .ostBulk : .mdsBulk,
      memory: bulk.memory)
    let opcode = received.body.opcode
    if opcode == .ostRead || opcode == .ostWrite {
      let bytes = node.turn.memory.bytes(received.bytes)
      guard let request = try? BulkIORequest(received.message, in: bytes) else {
        return fail(bulk, flight)
      }
      // The client has cut its data where the file's pages end.
      description.pageOffset = UInt32(request.range(0, in: bytes).offset % 4096)
      description.operationLimit = Int(request.object.bulkLimit)
    }
    flight.matchBits = node.rpc.matchBits(of: flight.handle)
    do throws(TransferError) {
      try node.rpc.transfer(flight.handle, description, turn: &node.turn)
    } catch { fail(bulk, flight) }
  }

  private func fail(_ bulk: ServedBulk, _ flight: ServedFlight) {
    flight.bulk = nil
    flight.isUnanswered = true
    bulk.call.finish(.failure(.unlike(bulk.operation, bulk.peer)))
  }

  /// The wire is done with a transfer's memory.
  func transferred(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    guard let flight = flight(event.handle.raw), let bulk = flight.bulk else { return }
    // It lies open elsewhere when the request was sent again meanwhile.
    if event.status < 0, flight.end == nil, node.connections.isLive(flight.export),
      node.rpc.matchBits(of: flight.handle) != flight.matchBits
    {
      return start(bulk, flight, &node)
    }
    flight.bulk = nil
    if event.status < 0 { flight.isUnanswered = true }
    bulk.finish(event.status)
    if let end = flight.end { answer(flight, end, &node) }
  }
}

/// A request that a handler has. Loop only, but for what it keeps for a short read.
final class ServedFlight: @unchecked Sendable {
  let handle: ServerRequestHandle
  let export: ExportHandle
  let target: Int
  var work: Task<Void, Never>?
  var alarm: Task<Void, any Error>?
  /// What is under way.
  var bulk: ServedBulk?
  /// Where the client lay open when it began.
  var matchBits: UInt64 = 0
  /// The handler's answer, which waits for the transfer.
  var end: TargetReply?
  /// Its bulk did not come: its client asks again, and must not take an answer for this one.
  var isUnanswered = false
  private let short = Mutex<[UInt8]?>(nil)

  init(handle: ServerRequestHandle, export: ExportHandle, target: Int) {
    self.handle = handle
    self.export = export
    self.target = target
  }

  func cancel() {
    work?.cancel()
    alarm?.cancel()
  }

  /// From any thread: data that goes with the reply.
  func keepShort(_ data: [UInt8]) { short.withLock { $0 = data } }

  func takeShort() -> [UInt8]? { short.withLock { $0.take() } }
}
