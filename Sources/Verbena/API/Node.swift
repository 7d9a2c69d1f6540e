internal import CLinuxShims
internal import Connections
internal import LNet
public import LustreWire
internal import NodeCore
internal import O2IBLND
public import RDMATransport
internal import Rings
internal import Structures
internal import Synchronization

/// A running node: one or more NIDs, on a loop of its own, over one transport.
///
/// Every call may be made from any thread, has a deadline where it waits for a peer, and ends when its task is
/// cancelled; but for `stop`, `waitUntilStopped` and `Exposure.withdraw`, which say so and what ends them. A node runs
/// until `stop`, or until its RDMA device is removed (`waitUntilStopped`); dropping the last reference does not stop it.
public final class Node: Sendable {
  /// The node's NIDs, the primary first.
  public let nids: [NID]
  let inbox: Inbox
  /// The way to its roles; nil for a node that speaks LNet only, or whose program speaks for itself.
  let desk: RoleDesk?
  let controls = Guarded(Controls())

  /// What keeps the node's NIDs its own on this host.
  struct Controls: Sendable {
    var ownerships: [NIDOwnership] = []
    var sockets: [ControlSocket] = []
    /// Answers what the node itself does not know.
    var answerer: Answerer?
    /// The loop has ended and its transport is gone.
    var isOver = false
    /// Who waits for that.
    var waiting: [Call<Bool>] = []
    /// How it ended.
    var end: LoopEnd?
    var deviceName = ""
  }

  init(nids: [NID], inbox: Inbox, desk: RoleDesk? = nil) {
    self.nids = nids
    self.inbox = inbox
    self.desk = desk
  }

  /// Starts a node and waits until it listens on all its NIDs.
  ///
  /// - Parameters:
  ///   - configuration: who it is.
  ///   - targets: what it serves: for a configuration with places for clients.
  ///   - transport: makes the transport; called once, on the node's own thread, which it stays on.
  /// - Throws: `NodeError`: configuration, system, transport; cancelled, when its end is over and nothing is left of it.
  public static func start<Transport: RDMATransport & ~Copyable & SendableMetatype>(
    _ configuration: NodeConfiguration, targets: [ServedTarget] = [],
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> Node {
    guard configuration.connections.capacity != .none else {
      guard targets.isEmpty else { throw .withoutConnections("start") }
      return try await start(configuration, program: { NoProgram() }, transport: transport)
    }
    return try await LustreNode.start(
      configuration, serving: targets, guest: { NoProgram() }, transport: transport
    ).node
  }

  /// Starts a node with a program on its loop; see `start(_:transport:)`.
  package static func start<
    Transport: RDMATransport & ~Copyable & SendableMetatype,
    Program: NodeProgram & ~Copyable & SendableMetatype
  >(
    _ configuration: NodeConfiguration, program: @escaping @Sendable () -> Program,
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> Node {
    try await start(
      configuration, inbox: try Inbox(), program: program, transport: transport)
  }

  /// The same with an inbox that others know already.
  static func start<
    Transport: RDMATransport & ~Copyable & SendableMetatype,
    Program: NodeProgram & ~Copyable & SendableMetatype
  >(
    _ configuration: NodeConfiguration, inbox: Inbox, desk: RoleDesk? = nil,
    program: @escaping @Sendable () -> Program,
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> Node {
    try configuration.validate()
    let node = Node(nids: configuration.nids, inbox: inbox, desk: desk)
    if configuration.isControllable { try node.claimNIDs(fabric: configuration.fabric) }
    let started = Call<String>()
    try LoopThread.start(name: "verbena loop") {
      // The node's claim on its NIDs lasts as long as the loop.
      withExtendedLifetime(node) {
        do throws(NodeError) {
          // First, so that the node's memory is taken beside its processor.
          if let processor = configuration.processor { try LoopThread.bind(to: processor) }
          let end = try runLoop(
            configuration, inbox, started, program: program, transport: transport)
          node.ended(end)
          // Nobody waits for it any more, but for one who was cancelled before it listened.
          started.finish(.failure(.cancelled("start", nil)))
        } catch {
          inbox.close()
          node.ended(nil)
          started.finish(.failure(error))
        }
      }
    }
    let outcome = await withTaskCancellationHandler {
      await started.outcome()
    } onCancel: {
      inbox.send(isBounded: false) { node, _ in node.stop() }
    }
    let deviceName = try outcome.get()
    node.controls.withLock { $0.deviceName = deviceName }
    if Task.isCancelled {
      await node.stop()
      throw .cancelled("start", nil)
    }
    if configuration.isControllable {
      do throws(NodeError) {
        try node.openControlSockets(fabric: configuration.fabric)
      } catch {
        await node.stop()
        throw error
      }
    }
    return node
  }

  /// Runs a loop to its end; on return its transport is gone.
  private static func runLoop<
    Transport: RDMATransport & ~Copyable, Program: NodeProgram & ~Copyable
  >(
    _ configuration: NodeConfiguration, _ inbox: Inbox, _ started: Call<String>,
    program: () -> Program, transport: () throws(TransportError) -> Transport
  ) throws(NodeError) -> LoopEnd {
    var loop = try Loop(
      configuration: configuration, inbox: inbox, program: program(), transport: transport)
    return try loop.run(started: started)
  }

  /// The device that the node runs on, as the system names it; empty for a transport without one. Thread rule: any.
  public var deviceName: String { controls.withLock { $0.deviceName } }

  /// The loop's last word: gives the NIDs back, and tells who waits.
  private func ended(_ end: LoopEnd?) {
    closeControlSockets()
    let waiting = controls.withLock { controls in
      controls.isOver = true
      controls.end = end
      controls.ownerships = []
      let waiting = controls.waiting
      controls.waiting = []
      return waiting
    }
    for call in waiting { call.finish(.success(true)) }
  }

  func closeControlSockets() {
    controls.withLock { controls in
      for socket in controls.sockets { socket.close() }
      controls.sockets = []
    }
  }

  /// Waits until the node has stopped and its transport is gone. Thread rule: any. A cancelled caller waits on: its
  /// node has an end of its own.
  ///
  /// A node whose device is removed stops by itself, as soon as callers have given the memory back that they hold
  /// of it, and after 5 s without it: until then the system cannot let the device go.
  ///
  /// - Throws: `NodeError.transport` with errno 19 (ENODEV) when the node stopped because its device was removed.
  public func waitUntilStopped() async throws(NodeError) {
    await end()
    if let cause = controls.withLock({ $0.end?.cause }) { throw cause }
  }

  /// Buffers and exposures that callers still held when the node, ending, did not wait for them any longer; 0 while
  /// it runs. Such memory may be used as before, and stays with the process. Thread rule: any.
  public var unreturnedBufferCount: Int {
    controls.withLock { $0.end?.unreturnedBufferCount ?? 0 }
  }

  /// Leaves the targets that it is connected to, closes every connection in order, ends what waits with
  /// `NodeError.stopped`, and waits for the loop's end. Targets that do not answer hold it up for 6 s at most,
  /// and buffers and exposures that callers hold for 5 s (`unreturnedBufferCount`). A cancelled caller waits on.
  /// Thread rule: any; may be called again.
  public func stop() async {
    closeControlSockets()
    if let desk { await LustreNode(node: self, desk: desk).leave() }
    inbox.send(isBounded: false) { node, _ in node.stop() }
    await end()
  }

  /// Ends the loop as the death of its process would: nothing is closed, nobody is told, and peers see only that the
  /// transport is gone. For tests of what becomes of those that stay.
  package func kill() async {
    closeControlSockets()
    inbox.send(isBounded: false) { _, operations in operations.isKilled = true }
    await end()
  }

  /// Waits until the loop has ended and its transport is gone.
  private func end() async {
    let call = Call<Bool>()
    let isOver = controls.withLock { controls in
      if !controls.isOver { controls.waiting.append(call) }
      return controls.isOver
    }
    if !isOver { _ = await call.outcome() }
  }
}

extension NodeConfiguration {
  func validate() throws(NodeError) {
    guard !nids.isEmpty, nids.count <= 16 else {
      throw NodeError(
        code: .configuration, operation: "start", explanation: "\(nids.count) NIDs: give 1 to 16")
    }
    for nid in nids where nid.lndType != .o2ib {
      throw NodeError(
        code: .configuration, operation: "start", peer: nid,
        explanation: "this network is not served: only o2ib is (ADDRESS@o2ib[NUMBER])")
    }
    for (index, nid) in nids.enumerated() where nids[..<index].contains(nid) {
      throw NodeError(
        code: .configuration, operation: "start", peer: nid, explanation: "given twice")
    }
  }
}
