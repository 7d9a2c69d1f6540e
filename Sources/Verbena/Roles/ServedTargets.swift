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
  private let inbox: Inbox
  /// By the handle of the peer's request.
  private var flights: [UInt32: ServedFlight] = [:]
  /// By target: requests that handlers have.
  private var activeCounts: [Int]

  init(_ targets: [ServedTarget], inbox: Inbox) {
    self.targets = targets
    self.inbox = inbox
    activeCounts = Array(repeating: 0, count: targets.count)
  }

  var kinds: [TargetKind] { targets.map(\.kind) }

  func start(_ node: inout NodeCore) {
    for (place, target) in targets.enumerated() {
      var traits = TargetTraits(kind: target.kind)
      traits.index = target.index
      // What differs from life to life tells clients that their state here is gone.
      traits.instance = UInt32(truncatingIfNeeded: node.turn.random.next() | 1)
      var description = TargetDescription(
        name: ObdUUID(target.name) ?? ObdUUID(), uuid: ObdUUID("\(target.name)_UUID") ?? ObdUUID(),
        traits: traits)
      description.tag = UInt32(Roles.firstProgramTarget + place)
      let slot = node.connections.addTarget(description)
      precondition(slot != nil, "names and places were looked at before")
    }
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
    case .exportConnected, .transferred, .acknowledged: break
    default: return false
    }
    return true
  }

  /// The node has stopped: nobody waits for answers.
  func stop() {
    for (_, flight) in flights { flight.cancel() }
    flights = [:]
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
    let request = TargetRequest(
      opcode: received.body.opcode, client: view.client, nid: view.nid, buffers: buffers,
      deadline: .now + .nanoseconds(Int64(clamping: left)),
      isSwapped: received.message.swapped)
    activeCounts[place] += 1
    let flight = ServedFlight(handle: handle, export: export, target: place)
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
      guard self.flights[flight.handle.raw.raw] === flight else { return }
      self.flights[flight.handle.raw.raw] = nil
      self.activeCounts[flight.target] -= 1
      flight.cancel()
      Self.answer(flight, reply, &node)
    }
  }

  private static func answer(
    _ flight: ServedFlight, _ reply: TargetReply, _ node: inout NodeCore
  ) {
    guard node.rpc.isLive(flight.handle) else { return }
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

/// A request that a handler has. Loop only.
private final class ServedFlight: @unchecked Sendable {
  let handle: ServerRequestHandle
  let export: ExportHandle
  let target: Int
  var work: Task<Void, Never>?
  var alarm: Task<Void, any Error>?

  init(handle: ServerRequestHandle, export: ExportHandle, target: Int) {
    self.handle = handle
    self.export = export
    self.target = target
  }

  func cancel() {
    work?.cancel()
    alarm?.cancel()
  }
}
