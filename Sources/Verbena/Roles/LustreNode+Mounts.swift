internal import BasicContainers
internal import Connections
package import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Roles
internal import Structures
internal import Synchronization

extension LustreNode {
  /// Mounts a file system: asks its management server for the targets, and connects to each.
  ///
  /// See `Node.mount`.
  ///
  /// - Parameter patience: how long object targets are waited for when nothing else is missing; nil for as long as for
  ///   the rest.
  package func mount(
    _ fileSystem: String, management: [[NID]], timeout: Duration = .seconds(100),
    patience: Duration? = nil
  ) async throws(NodeError) -> MountedFileSystem {
    let peer = management.first?.first
    let ready = Call<Int>()
    let end = Call<Bool>()
    let watchers = MountWatchers()
    let number = desk.makeNumber(
      stopped: {
        ready.finish(.failure(.stopped("mount", peer)))
        end.finish(.success(true))
        watchers.finish()
      }
    ) { event, roles, node in
      switch event.kind {
      case .mounted: ready.finish(.success(Int(event.index)))
      case .mountFailed:
        let text = roles.explanation(ofMount: Int(event.index), node)
        ready.finish(
          .failure(
            NodeError(
              code: .remote, operation: "mount", peer: peer, errno: -event.status,
              explanation: text)))
        end.finish(.success(true))
        watchers.finish()
      case .unmounted:
        end.finish(.success(true))
        watchers.finish()
      case .mountChanged:
        watchers.tell(MountedTarget.all(ofMount: Int(event.index), roles, node))
      default: break
      }
    }
    let index: Int?
    do throws(NodeError) {
      let begun: Result<Int?, NodeError> = try await withRoles("mount") { roles, node in
        if let error = NodeError.withoutWay(to: management.flatMap(\.self), "mount", node) {
          return .failure(error)
        }
        return .success(roles.mount(fileSystem, management: management, tag: number, &node))
      }
      index = try begun.get()
    } catch {
      desk.forget(number)
      throw error
    }
    guard let index else {
      desk.forget(number)
      throw NodeError(
        code: .limit, operation: "mount", peer: peer,
        explanation: "the node has no place for another mount, or another management server")
    }
    let mount = MountedFileSystem(
      fileSystem, index: index, owner: self, number: number, end: end, watchers: watchers)
    if let patience { settle(index, number, min(patience, timeout)) }
    watch(ready, peer, index, number, timeout, needsAll: patience == nil)
    let outcome = await withTaskCancellationHandler {
      await ready.outcome()
    } onCancel: {
      ready.finish(.failure(.cancelled("mount", peer)))
    }
    // Behind the beginning of the watch: its tag is known by then.
    node.inbox.send(isBounded: false) { node, operations in
      operations.end(ready.tag.load(ordering: .relaxed), &node)
    }
    do throws(NodeError) {
      _ = try outcome.get()
      return mount
    } catch {
      if error.code == .remote { desk.forget(number) } else { await mount.unmount() }
      throw error
    }
  }

  /// Does without object targets that are missing after so long.
  private func settle(_ index: Int, _ number: UInt32, _ patience: Duration) {
    let desk = desk
    let inbox = node.inbox
    node.inbox.send(isBounded: false) { node, operations in
      let deadline = node.turn.now.advanced(by: patience)
      _ = operations.begin(deadline: deadline, &node) { signal, _, _ in
        switch signal {
        case .event, .connections, .cancelled: return .goesOn
        case .stopped: break
        case .deadline:
          desk.put(
            RoleDesk.Work(
              run: { roles, _ in
                guard roles.mounts[index].tag == number else { return }
                _ = roles.settleWithoutObjects(mount: index)
              }, stopped: {}))
          inbox.send(isBounded: false) { _, _ in }
        }
        return .done
      }
    }
  }

  /// Ends the wait when its time has passed, with what is missing.
  private func watch(
    _ ready: Call<Int>, _ peer: NID?, _ index: Int, _ number: UInt32, _ timeout: Duration,
    needsAll: Bool
  ) {
    let desk = desk
    let inbox = node.inbox
    node.inbox.send(isBounded: false) { node, operations in
      let deadline = node.turn.now.advanced(by: timeout)
      let tag = operations.begin(deadline: deadline, &node) { signal, _, _ in
        switch signal {
        case .event, .connections, .cancelled: return .goesOn
        case .stopped: ready.finish(.failure(.stopped("mount", peer)))
        case .deadline:
          desk.put(
            RoleDesk.Work(
              run: { roles, node in
                if !needsAll, roles.mounts[index].tag == number,
                  roles.settleWithoutObjects(mount: index)
                {
                  return
                }
                let text = roles.explanation(ofMount: index, node)
                ready.finish(
                  .failure(
                    NodeError(
                      code: .timedOut, operation: "mount",
                      peer: roles.mounts[index].missingNID(node) ?? peer, errno: 110,
                      explanation: "not all is connected in time (ETIMEDOUT): \(text)")))
              }, stopped: { ready.finish(.failure(.stopped("mount", peer))) }))
          inbox.send(isBounded: false) { _, _ in }
        }
        return .done
      }
      ready.tag.store(tag, ordering: .relaxed)
    }
  }

  /// Stops the node: `Node.stop`.
  package func stop() async { await node.stop() }

  /// Leaves all targets that callers, mounts or targets of this node are connected to, and waits until they know, or
  /// their time has passed.
  func leave() async {
    let clock = ContinuousClock()
    let end = clock.now + Self.leaveTime
    _ = try? await withRoles("stop") { _, node in Self.closeImports(&node) }
    repeat {
      let hasLeft = try? await withRoles("stop") { roles, node in roles.leave(&node) }
      // A node that has stopped already has nobody to leave.
      guard hasLeft == false, clock.now < end else { return }
      try? await Task.sleep(for: Self.leavePause)
    } while !Task.isCancelled
  }

  /// Those that callers have made.
  private static func closeImports(_ node: inout NodeCore) {
    for place in 0..<node.connections.importPlaceCount {
      guard let handle = node.connections.importHandle(at: place),
        let tag = node.connections.view(handle)?.description.tag,
        OwnerTag(raw: tag).part == .program
      else { continue }
      node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    }
  }

  /// As long as a DISCONNECT may take, and a little more.
  private static let leaveTime = Duration.seconds(6)
  /// Between two looks at whether all has been left.
  private static let leavePause = Duration.milliseconds(5)
}
