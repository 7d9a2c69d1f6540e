internal import CLinuxShims
internal import LNet
public import LustreWire
internal import NodeCore
internal import O2IBLND
public import RDMATransport
internal import Structures
internal import Synchronization

/// A running node: one or more NIDs, on a loop of its own, over one transport.
///
/// Every call may be made from any thread, has a deadline where it waits for a peer, and ends when its task is
/// cancelled. A node runs until `stop`; dropping the last reference does not stop it.
public final class Node: Sendable {
  /// The node's NIDs, the primary first.
  public let nids: [NID]
  let inbox: Inbox
  let controls = Guarded(Controls())

  /// What keeps the node's NIDs its own on this host.
  struct Controls: Sendable {
    var ownerships: [NIDOwnership] = []
    var sockets: [ControlSocket] = []
    /// Answers what the node itself does not know.
    var answerer: Answerer?
  }

  init(nids: [NID], inbox: Inbox) {
    self.nids = nids
    self.inbox = inbox
  }

  /// Starts a node and waits until it listens on all its NIDs.
  ///
  /// - Parameters:
  ///   - configuration: who it is.
  ///   - transport: makes the transport; called once, on the node's own thread, which it stays on.
  /// - Throws: `NodeError`: configuration, system, transport.
  public static func start<Transport: RDMATransport & ~Copyable & SendableMetatype>(
    _ configuration: NodeConfiguration,
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> Node {
    try await start(configuration, program: { NoProgram() }, transport: transport)
  }

  /// Starts a node with a program on its loop; see `start(_:transport:)`.
  package static func start<
    Transport: RDMATransport & ~Copyable & SendableMetatype,
    Program: NodeProgram & ~Copyable & SendableMetatype
  >(
    _ configuration: NodeConfiguration, program: @escaping @Sendable () -> Program,
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> Node {
    try configuration.validate()
    let inbox = try Inbox()
    let node = Node(nids: configuration.nids, inbox: inbox)
    if configuration.isControllable { try node.claimNIDs() }
    let started = Call<Bool>()
    try LoopThread.start(name: "verbena loop") {
      // The node's claim on its NIDs lasts as long as the loop.
      withExtendedLifetime(node) {
        do throws(NodeError) {
          let waiting = try runLoop(
            configuration, inbox, started, program: program, transport: transport)
          for call in waiting { call.finish(.success(true)) }
        } catch {
          inbox.close()
          started.finish(.failure(error))
        }
      }
    }
    _ = try await started.outcome().get()
    if configuration.isControllable {
      do throws(NodeError) {
        try node.openControlSockets()
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
    _ configuration: NodeConfiguration, _ inbox: Inbox, _ started: Call<Bool>,
    program: () -> Program, transport: () throws(TransportError) -> Transport
  ) throws(NodeError) -> [Call<Bool>] {
    var loop = try Loop(
      configuration: configuration, inbox: inbox, program: program(), transport: transport)
    return try loop.run(started: started)
  }

  /// Closes every connection in order, ends what waits with `NodeError.stopped`, and waits for the loop's end.
  public func stop() async {
    controls.withLock { controls in
      for socket in controls.sockets { socket.close() }
      controls.sockets = []
    }
    let ended = Call<Bool>()
    let asked = inbox.send(isBounded: false) { node, operations in
      operations.whenStopped.append(ended)
      node.stop()
    }
    if asked { _ = await ended.outcome() }
    controls.withLock { $0.ownerships = [] }
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
