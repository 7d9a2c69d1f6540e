internal import BenchKit
internal import Connections
internal import LustreWire
internal import Roles
internal import Verbena

/// A client of one object target, for the length of a command.
struct ObjectSession {
  private static let connectNanoseconds: UInt64 = 10_000_000_000
  private let plan: NodePlan
  private let peers: [NID]
  private let target: ObdUUID
  /// How long the target may take for an answer.
  let deadline: Duration
  /// A node that is not there is told of sooner than a target that may come back.
  private let connectDeadline: Duration
  let checksum: ObjectWish.Checksum
  let interruption = Interruption()

  init(
    _ nid: String, _ target: String, _ node: NodeSettings, _ settings: Settings
  ) throws(CommandFailure) {
    let deadline = settings.nanoseconds(.objectDeadline)
    let isGiven = settings.origin(.objectDeadline) != .standard
    try self.init(
      to: Targets.ofTarget(nid), target, node, timeoutNanoseconds: deadline,
      connectNanoseconds: isGiven ? deadline : Self.connectNanoseconds,
      Self.checksum(settings.text(.checksumKind)))
  }

  init(
    to peers: [NID], _ target: String, _ node: NodeSettings, timeoutNanoseconds: UInt64,
    connectNanoseconds: UInt64, _ checksum: ObjectWish.Checksum = .automatic, inFlight: Int = 4
  ) throws(CommandFailure) {
    self.peers = peers
    self.checksum = checksum
    let named = try Targets.named(target)
    guard named.name.kind == .ost else {
      throw CommandFailure(.usage, "'\(target)' is no object target: write FSNAME-OST0000")
    }
    self.target = named.uuid
    deadline = .nanoseconds(Int64(timeoutNanoseconds))
    connectDeadline = .nanoseconds(Int64(connectNanoseconds))
    var plan = try NodePlan(node, isTransient: true)
    plan.beClient(mounts: 1, timing: .fast)
    // Each has a piece of its own, and room besides for what is asked for meanwhile.
    plan.configuration.roles.objectOperations = max(64, inFlight + 8)
    plan.configuration.roles.objectRequests = max(128, inFlight + 8)
    plan.configuration.bulkByteCount = max(
      plan.configuration.bulkByteCount, (inFlight + 8) << 20)
    self.plan = plan
  }

  private static func checksum(_ text: String) -> ObjectWish.Checksum {
    if text == "none" { return .none }
    return BulkChecksumKind.allCases.first { $0.text == text }.map { .kind($0) } ?? .automatic
  }

  var backend: String { plan.backend.name }

  /// Does the work until it is done or a signal comes: then what waits for the target is given up.
  func run(_ body: @escaping @Sendable (LustreNode, Import) async throws -> Void) async throws {
    let work = Task { try await self.work(body) }
    try await interruption.whileWatching(onRequest: { work.cancel() }) { try await work.value }
  }

  /// Connects, lets `body` work, and leaves in order.
  func work(_ body: (LustreNode, Import) async throws -> Void) async throws {
    let lustre = try await plan.startLustre { NoProgram() }
    do {
      let owner = try await lustre.node.connect(
        to: target, at: peers, role: .osc, timeout: connectDeadline, isPatient: false)
      try await body(lustre, owner)
      await owner.disconnect()
    } catch {
      await Farewell(after: error).stop(lustre)
      if let error = error as? NodeError {
        throw CommandFailure(await Self.explained(error, lustre.node))
      }
      throw error
    }
    await lustre.stop()
  }

  /// With the reason where the node has ended by itself.
  private static func explained(_ error: NodeError, _ node: Node) async -> NodeError {
    var error = error
    guard error.code == .stopped else { return error }
    do throws(NodeError) { try await node.waitUntilStopped() } catch let cause {
      (error.code, error.errno) = (cause.code, cause.errno)
      error.explanation += ": \(cause.explanation)"
    }
    return error
  }

  /// The kind of checksum that transfers carry; nil for none.
  func kind(_ owner: Import) async throws -> BulkChecksumKind? {
    guard let view = try await owner.view() else { return nil }
    return ObjectClient.kind(checksum, view.granted)
  }
}

extension LustreNode {
  /// Does something to an object that is no transfer; what fails names the object, or the target.
  ///
  /// - Parameter timeout: how long the target may take.
  func perform(
    _ wish: ObjectWish, on owner: Import, timeout: Duration
  ) async throws(NodeError) -> ObjectResult {
    do throws(NodeError) {
      return try await object(wish, on: owner, timeout: timeout)
    } catch {
      var error = error
      let name = wish.action == .create ? "\(owner.target)" : wish.object.text
      error.explanation = "\(name): \(error.explanation)"
      throw error
    }
  }

  /// Takes an object away that nobody else knows of, also after the work was cancelled; a target that does not answer
  /// in time keeps it.
  func discard(_ object: ObjectID, on owner: Import, timeout: Duration) async {
    let removal = Task {
      try await self.object(ObjectWish(.destroy, object), on: owner, timeout: timeout)
    }
    do { _ = try await removal.value } catch {
      Streams.error("verbena: \(object.text) is left over: \(error)\n")
    }
  }
}
