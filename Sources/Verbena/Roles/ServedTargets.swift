internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures

/// The served targets of a node, and the requests that their handlers have. Loop only, once the node has started.
final class ServedTargets: @unchecked Sendable {
  private let targets: [ServedTarget]
  let inbox: Inbox
  /// By the handle of the peer's request.
  private var flights: [UInt32: ServedFlight] = [:]
  /// By target: requests that handlers have.
  private var activeCounts: [Int]
  /// Targets whose management server does not know them yet.
  private var unregisteredCount: Int
  private let registration = Call<Bool>()

  init(_ targets: [ServedTarget], inbox: Inbox) {
    self.targets = targets
    self.inbox = inbox
    activeCounts = Array(repeating: 0, count: targets.count)
    unregisteredCount = targets.count { !$0.managementNodes.isEmpty }
    if unregisteredCount == 0 { registration.finish(.success(true)) }
  }

  var kinds: [TargetKind] { targets.map(\.kind) }

  func start(_ roles: inout Roles, _ node: inout NodeCore) {
    for (place, target) in targets.enumerated() {
      var traits = TargetTraits(kind: target.kind)
      traits.index = target.index
      // What differs from life to life tells clients that their state here is gone.
      traits.instance = UInt32(truncatingIfNeeded: node.turn.random.next() | 2)
      var description = TargetDescription(
        name: ObdUUID(target.name) ?? ObdUUID(), uuid: ObdUUID("\(target.name)_UUID") ?? ObdUUID(),
        traits: traits)
      description.tag = UInt32(Roles.firstProgramTarget + place)
      let slot = node.connections.addTarget(description)
      precondition(slot != nil, "names and places were looked at before")
      guard !target.managementNodes.isEmpty else { continue }
      roles.register(
        programTarget: Int(description.tag), target.specification, instance: traits.instance, &node)
    }
  }

  /// A management server knows one of them; or not, and why.
  func registered(_ explanation: String) {
    unregisteredCount -= 1
    if !explanation.isEmpty {
      registration.finish(
        .failure(NodeError(code: .remote, operation: "start", explanation: explanation)))
    } else if unregisteredCount == 0 {
      registration.finish(.success(true))
    }
  }

  /// Waits until those that are to be registered are; up to 35 s. Any thread.
  func waitUntilRegistered() async throws(NodeError) {
    _ = try await registration.outcome().get()
  }

  /// Hands in what concerns these targets.
  ///
  /// - Returns: false for what does not.
  func take(_ event: ConnectionsEvent, _ node: inout NodeCore) -> Bool {
    switch event.kind {
    case .requested:
      let export = ExportHandle(raw: Handle(raw: event.tag))
      serve(event.serverRequest, export, &node)
    case .exportGone:
      // The alarm stays: a handler that minds no cancellation gives its place back by then.
      for (_, flight) in flights where flight.export == event.exportHandle { flight.work?.cancel() }
    case .transferred: transferred(event, &node)
    case .exportConnected, .acknowledged: break
    default: return false
    }
    return true
  }

  /// The node has stopped: nobody waits for answers, and nothing is on the wire.
  func stop() {
    for (_, flight) in flights {
      flight.cancel()
      if let bulk = flight.bulk { bulk.call.finish(.failure(.stopped(bulk.operation, bulk.peer))) }
    }
    flights = [:]
    registration.finish(.failure(.stopped("start", nil)))
  }

  /// A request that a handler has, by its handle; nil when it is over.
  func flight(_ handle: UInt32) -> ServedFlight? { flights[handle] }

  func isActive(_ flight: ServedFlight) -> Bool {
    flights[flight.handle.raw.raw] === flight && flight.end == nil
  }

  // MARK: - Requests

  private func serve(
    _ handle: ServerRequestHandle, _ export: ExportHandle, _ node: inout NodeCore
  ) {
    guard let view = node.connections.view(export) else {
      return node.rpc.drop(handle, turn: &node.turn)
    }
    let place = Int(view.target.tag) - Roles.firstProgramTarget
    let received = node.rpc.received(handle)
    guard let handler = targets[place].handlers[received.body.opcode] else {
      return node.rpc.refuse(handle, .eopnotsupp, turn: &node.turn)
    }
    guard activeCounts[place] < targets[place].handlerCountMax else {
      return node.rpc.refuse(handle, .einprogress, turn: &node.turn)
    }
    guard let buffers = Self.copies(received, &node) else {
      return node.rpc.refuse(handle, .eproto, turn: &node.turn)
    }
    let left = received.deadline > node.turn.now ? received.deadline - node.turn.now : 0
    let flight = ServedFlight(handle: handle, export: export, target: place)
    let request = TargetRequest(
      opcode: received.body.opcode, client: view.client, nid: view.nid, buffers: buffers,
      deadline: .now + .nanoseconds(Int64(clamping: left)),
      isSwapped: received.message.swapped, owner: self, flight: flight)
    activeCounts[place] += 1
    flights[handle.raw.raw] = flight
    start(flight, handler, request, targets[place].timeout)
  }

  private static func copies(
    _ received: ReceivedRequest, _ node: inout NodeCore
  ) -> [[UInt8]]? {
    let bytes = node.turn.memory.bytes(received.bytes)
    var copies: [[UInt8]] = []
    for index in 1..<max(1, received.message.bufferCount) {
      guard let buffer = try? received.message.buffer(index, in: bytes) else { return nil }
      var copy = [UInt8](repeating: 0, count: buffer.byteCount)
      copy.withMutableRawSpan { $0.copy(from: buffer) }
      copies.append(copy)
    }
    return copies
  }

  private func start(
    _ flight: ServedFlight, _ handler: @escaping ServedTarget.Handler, _ request: TargetRequest,
    _ timeout: Duration
  ) {
    flight.work = Task {
      let reply: TargetReply
      do {
        reply = try await handler(request)
      } catch let refusal as TargetRefusal {
        reply = TargetReply(status: refusal.errno > 0 ? -refusal.errno : refusal.errno)
      } catch {
        reply = TargetReply(status: WireErrno.eio.status)
      }
      self.finish(flight, reply)
    }
    flight.alarm = Task {
      try await Task.sleep(for: timeout)
      self.finish(flight, TargetReply(status: WireErrno.etimedout.status))
    }
  }

  /// From any thread: the first answer counts.
  private func finish(_ flight: ServedFlight, _ reply: TargetReply) {
    inbox.send(isBounded: false) { node, _ in
      guard self.isActive(flight) else { return }
      flight.cancel()
      guard flight.bulk == nil else {
        // Its memory comes back first.
        flight.end = reply
        return node.rpc.abortTransfer(flight.handle, turn: &node.turn)
      }
      self.answer(flight, reply, &node)
    }
  }

  func answer(_ flight: ServedFlight, _ reply: TargetReply, _ node: inout NodeCore) {
    flights[flight.handle.raw.raw] = nil
    activeCounts[flight.target] -= 1
    guard node.rpc.isLive(flight.handle) else { return }
    if flight.isUnanswered { return node.rpc.drop(flight.handle, turn: &node.turn) }
    var reply = reply
    if let data = flight.takeShort(), reply.status >= 0 { reply.buffers.append(data) }
    Self.send(flight, reply, &node)
  }

  private static func send(
    _ flight: ServedFlight, _ reply: TargetReply, _ node: inout NodeCore
  ) {
    var lengths = BufferLengths()
    let byteCount = reply.buffers.reduce(0) { $0 + RPCMessage.padded($1.count) }
    guard reply.buffers.count <= buffersMax, byteCount <= RPCLimits.maximumMessageBytes - 1024
    else { return node.rpc.refuse(flight.handle, .eoverflow, turn: &node.turn) }
    for buffer in reply.buffers { lengths.append(buffer.count) }
    if !reply.buffers.isEmpty {
      guard
        let message = try? node.rpc.beginReply(flight.handle, buffers: lengths, turn: &node.turn)
      else { return node.rpc.refuse(flight.handle, .enomem, turn: &node.turn) }
      for (index, buffer) in reply.buffers.enumerated() where !buffer.isEmpty {
        var bytes = node.turn.memory.mutableBytes(lengths.place(of: index + 1, in: message))
        bytes.copy(from: buffer.rawBytes)
      }
    }
    node.rpc.reply(
      flight.handle, node.connections.replyFields(flight.export, status: reply.status),
      turn: &node.turn)
  }

  /// Buffers of a reply besides its body.
  private static let buffersMax = 30
}
