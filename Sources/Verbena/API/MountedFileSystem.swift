internal import BasicContainers
internal import Connections
public import LustreWire
internal import NodeCore
internal import Rings
internal import Roles

/// A mounted file system: connections to all its targets, which come back by themselves until `unmount`.
///
/// It is the client's side of the protocol, no file system of the host: it has targets and objects, not files. Dropping
/// the last reference does not unmount; stopping the node does. Thread rule: any.
public final class MountedFileSystem: Sendable {
  /// Its name, 1 to 8 characters.
  public let fileSystem: String
  let index: Int
  private let owner: LustreNode
  private let number: UInt32
  private let end: Call<Bool>
  private let watchers: MountWatchers

  init(
    _ fileSystem: String, index: Int, owner: LustreNode, number: UInt32, end: Call<Bool>,
    watchers: MountWatchers
  ) {
    self.fileSystem = fileSystem
    self.index = index
    self.owner = owner
    self.number = number
    self.end = end
    self.watchers = watchers
  }

  /// Leaves all targets in order, object targets first, and waits until they know or their time has passed: up to 5 s
  /// for one that does not answer. A cancelled caller waits on; whoever calls again waits for the same end.
  ///
  /// **Wire:** OST_DISCONNECT, MDS_DISCONNECT (spec 11 §9.8).
  public func unmount() async {
    let (index, number) = (index, number)
    do throws(NodeError) {
      try await owner.withRoles("unmount") { roles, node in
        // Another mount may have the place of one that is over.
        if roles.mounts[index].tag == number { roles.unmount(index, &node) }
      }
      _ = await end.outcome()
    } catch {
      // The node has stopped, and with it the mount.
    }
    watchers.finish()
    owner.desk.forget(number)
  }

  /// All its targets as they are now, metadata targets first.
  ///
  /// - Throws: `NodeError.stopped`.
  public func targets() async throws(NodeError) -> [MountedTarget] {
    guard !watchers.isFinished else { return [] }
    let index = index
    return try await owner.withRoles("mount") { roles, node in
      MountedTarget.all(ofMount: index, roles, node)
    }
  }

  /// What is missing and why, in words; empty when nothing is.
  package func explanation() async throws(NodeError) -> String {
    guard !watchers.isFinished else { return "" }
    let index = index
    return try await owner.withRoles("mount") { roles, node in
      roles.explanation(ofMount: index, node)
    }
  }

  /// All its targets each time one of them was lost, came back, was added or was taken away; ends when the file system
  /// is unmounted or the node stops.
  ///
  /// Each call makes a sequence of its own. At most 64 tables wait; then the oldest go.
  public func changes() -> AsyncStream<[MountedTarget]> { watchers.add() }

  /// The object targets, to read and write objects at; each stays good until the file system is unmounted or the
  /// target is taken away.
  ///
  /// - Throws: `NodeError.stopped`.
  public func objectTargets() async throws(NodeError) -> [ObjectTarget] {
    guard !watchers.isFinished else { return [] }
    let (index, owner) = (index, owner)
    return try await owner.withRoles("mount") { roles, _ in
      roles.mounts[index].links.filter { $0.role == .osc }.map {
        ObjectTarget(name: $0.target, owner: owner, handle: $0.handle)
      }
    }
  }
}

/// A target of a mounted file system, and how the connection to it fares.
public struct MountedTarget: Hashable, Sendable {
  /// Where an import is in its life, by the names that the real tools print (spec 11 §9.2).
  public enum State: String, Sendable, CaseIterable {
    case closed = "CLOSED"
    case new = "NEW"
    /// The connection is lost and is made again.
    case disconnected = "DISCONN"
    case connecting = "CONNECTING"
    case replay = "REPLAY"
    case replayLocks = "REPLAY_LOCKS"
    case replayWait = "REPLAY_WAIT"
    case recover = "RECOVER"
    /// Connected: requests go at once.
    case full = "FULL"
    /// The target has forgotten us; a new connection follows.
    case evicted = "EVICTED"
    /// Left in order because nobody used it; comes back by itself when somebody does.
    case idle = "IDLE"
  }

  /// `lfs-OST0000_UUID`.
  public var name: ObdUUID
  /// `.mdc` or `.osc`.
  public var role: ConnectionRole
  /// Where the connection is in its life.
  public var state: State
  /// Where it is, or is tried now; nil before the first attempt.
  public var nid: NID?

  /// Whether requests need not wait.
  public var isReady: Bool { state == .full || state == .idle }

  static func all(
    ofMount index: Int, _ roles: borrowing Roles, _ node: borrowing NodeCore
  ) -> [MountedTarget] {
    roles.mounts[index].links.map { link in
      let view = node.connections.view(link.handle)
      return MountedTarget(
        name: link.target, role: link.role == .mdc ? .mdc : .osc,
        state: view.flatMap { State(rawValue: "\($0.state.name)") } ?? .closed,
        nid: view?.connections.current?.nid)
    }
  }
}

/// Who hears of a mount's changes.
final class MountWatchers: Sendable {
  private struct State {
    /// By the order in which they came.
    var sources: [Int: AsyncStream<[MountedTarget]>.Continuation] = [:]
    var nextNumber = 0
    var isFinished = false
  }

  private let state = Guarded(State())

  /// The mount has ended.
  var isFinished: Bool { state.withLock { $0.isFinished } }

  func add() -> AsyncStream<[MountedTarget]> {
    let (stream, source) = AsyncStream.makeStream(
      of: [MountedTarget].self, bufferingPolicy: .bufferingNewest(64))
    let number: Int? = state.withLock { state in
      guard !state.isFinished else { return nil }
      state.nextNumber += 1
      state.sources[state.nextNumber] = source
      return state.nextNumber
    }
    if let number {
      source.onTermination = { [weak self] _ in
        self?.state.withLock { $0.sources[number] = nil }
      }
    } else {
      source.finish()
    }
    return stream
  }

  func tell(_ targets: [MountedTarget]) {
    for source in state.withLock({ Array($0.sources.values) }) { source.yield(targets) }
  }

  func finish() {
    let sources = state.withLock { state in
      let sources = Array(state.sources.values)
      state.sources = [:]
      state.isFinished = true
      return sources
    }
    for source in sources { source.finish() }
  }
}

extension Node {
  /// Mounts a file system: asks its management server for the targets, and connects to each.
  ///
  /// The node must have been configured for mounts (`NodeConfiguration.enableConnections`).
  ///
  /// - Parameters:
  ///   - fileSystem: its name, 1 to 8 characters.
  ///   - management: the NIDs of each node of its management server, the usual one first: `[[nid]]` for one.
  ///   - timeout: until every target must be connected; then all is left again.
  /// - Returns: the mount, with every target connected.
  /// - Throws: `NodeError`: configuration (the node has no connections), unreachable (no NID on any of the management
  ///   server's networks), remote with the explanation, timedOut with what is missing, limit, cancelled, stopped.
  ///
  /// **Wire:** MGS_CONNECT, LLOG_ORIGIN_*, MGS_CONFIG_READ, MDS_CONNECT, OST_CONNECT (spec 11 §11, §15).
  public func mount(
    _ fileSystem: String, management: [[NID]], timeout: Duration = .seconds(100)
  ) async throws(NodeError) -> MountedFileSystem {
    guard let desk else { throw .withoutConnections("mount") }
    return try await LustreNode(node: self, desk: desk)
      .mount(fileSystem, management: management, timeout: timeout)
  }
}

extension NodeError {
  static func withoutConnections(_ operation: String) -> NodeError {
    NodeError(
      code: .configuration, operation: operation,
      explanation: "the node was started without connections: call enableConnections of its "
        + "configuration first")
  }
}
