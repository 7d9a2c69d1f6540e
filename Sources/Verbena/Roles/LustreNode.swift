internal import BasicContainers
internal import Connections
package import NodeCore
package import RDMATransport
package import Roles
internal import Storage
internal import Synchronization

/// A target that a node is to host, and where its data are.
package struct HostedTarget: Sendable {
  package var specification: TargetSpecification
  /// The directory of the target's own data; nil for memory, which ends with the node.
  package var directory: String?

  package init(_ specification: TargetSpecification, directory: String? = nil) {
    self.specification = specification
    self.directory = directory
  }
}

/// A running node with roles: the targets that it hosts and the file systems it has mounted.
///
/// What a `Node` can do, `node` can. Thread rule: any.
package final class LustreNode: Sendable {
  package let node: Node
  let desk: RoleDesk

  package var hosted: [HostedTarget] { desk.hosted }

  /// Those of its targets of which the management server has said nothing yet.
  package var unregistered: [HostedTarget] {
    desk.hosted.filter { desk.notice(of: $0.specification.name) == nil }
  }

  init(node: Node, desk: RoleDesk) {
    self.node = node
    self.desk = desk
  }

  /// Opens the targets' directories, starts the node and waits until it listens; its targets open when their
  /// management server knows them (`notices`).
  ///
  /// - Parameters:
  ///   - configuration: with `enableConnections` called.
  ///   - targets: the management server first, if it is one of them.
  ///   - guest: a program that runs beside the roles.
  package static func start<
    Transport: RDMATransport & ~Copyable & SendableMetatype,
    Guest: NodeProgram & ~Copyable & SendableMetatype
  >(
    _ configuration: NodeConfiguration, targets: [HostedTarget] = [],
    serving served: [ServedTarget] = [], guest: @escaping @Sendable () -> Guest,
    transport: @escaping @Sendable () throws(TransportError) -> Transport
  ) async throws(NodeError) -> LustreNode {
    guard configuration.connections.capacity != .none else {
      throw NodeError(
        code: .configuration, operation: "start",
        explanation: "a node with roles has connections: call enableConnections")
    }
    try check(served, configuration)
    let inbox = try Inbox()
    let stores = try await open(targets, inbox)
    let desk = RoleDesk(hosted: targets, served: ServedTargets(served, inbox: inbox))
    let node = try await Node.start(
      configuration, inbox: inbox, desk: desk,
      program: { RoleProgram(configuration, stores: stores, desk: desk, guest: guest()) },
      transport: transport)
    do throws(NodeError) {
      try await desk.served.waitUntilRegistered()
    } catch {
      await node.stop()
      throw error
    }
    return LustreNode(node: node, desk: desk)
  }

  private static func check(
    _ served: [ServedTarget], _ configuration: NodeConfiguration
  ) throws(NodeError) {
    func refuse(_ why: String) -> NodeError {
      NodeError(code: .configuration, operation: "start", explanation: why)
    }
    guard served.count <= configuration.connections.capacity.targets else {
      throw refuse(
        "\(served.count) targets and places for \(configuration.connections.capacity.targets): give "
          + "enableConnections clients, and a node at most \(ServedTarget.countMax) targets")
    }
    for (place, target) in served.enumerated() {
      if served[..<place].contains(where: { $0.name == target.name }) {
        throw refuse("\(target.name) is given twice")
      }
      guard (1...128).contains(target.handlerCountMax) else {
        throw refuse("\(target.name): \(target.handlerCountMax) handlers at a time: give 1 to 128")
      }
      let wanted = target.specification
      if !target.managementNodes.isEmpty,
        wanted.name != target.name || !(1...8).contains(wanted.fileSystem.utf8.count)
      {
        throw refuse(
          "\(target.name) cannot be registered: a file system has 1 to 8 characters, and a number small letters"
        )
      }
    }
  }

  /// Opens the stores on a thread of their own: a disk takes its time.
  private static func open(
    _ targets: [HostedTarget], _ inbox: Inbox
  ) async throws(NodeError) -> StoreCrate {
    let opened = Call<StoreCrate>()
    try LoopThread.start(name: "verbena open") {
      do throws(NodeError) {
        var stores = RigidArray<FileStore>(capacity: targets.count)
        for target in targets {
          guard let directory = target.directory else { continue }
          stores.append(
            try FileStore.open(
              directory, target.specification.identity, bell: inbox.bell, keeping: inbox))
        }
        opened.finish(.success(StoreCrate(stores)))
      } catch { opened.finish(.failure(error)) }
    }
    return try await opened.outcome().get()
  }

  /// What has become of the targets so far, and what becomes of them from now on.
  package func notices() -> AsyncStream<TargetNotice> { desk.notices() }

  /// Lets the roles do something on their loop.
  ///
  /// - Returns: what `body` returns.
  package func withRoles<Success: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (inout Roles, inout NodeCore) -> Success
  ) async throws(NodeError) -> Success {
    let call = Call<Success>()
    desk.put(
      RoleDesk.Work(
        run: { roles, node in call.finish(.success(body(&roles, &node))) },
        stopped: { call.finish(.failure(.stopped(operation, nil))) }))
    // Wakes the loop, which looks at the desk behind its inbox.
    node.inbox.send(isBounded: false) { _, _ in }
    return try await call.outcome().get()
  }
}
