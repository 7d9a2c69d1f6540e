internal import BasicContainers
internal import Connections
package import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Roles
internal import Structures
internal import Synchronization

/// A mounted file system: imports of all its targets, which come back by themselves until `unmount`. Thread rule: any.
package final class MountedFileSystem: Sendable {
  package let fileSystem: String
  let index: Int
  private let owner: LustreNode
  private let number: UInt32
  private let end: Call<Bool>

  fileprivate init(
    _ fileSystem: String, index: Int, owner: LustreNode, number: UInt32, end: Call<Bool>
  ) {
    self.fileSystem = fileSystem
    self.index = index
    self.owner = owner
    self.number = number
    self.end = end
  }

  /// Leaves all targets in order, and waits until they know or their time has passed.
  package func unmount() async {
    let index = index
    do throws(NodeError) {
      try await owner.withRoles("unmount") { roles, node in roles.unmount(index, &node) }
      _ = await end.outcome()
    } catch {
      // The node has stopped, and with it the mount.
    }
    owner.desk.forget(number)
  }

  /// Imports that are FULL or idle, and all of them.
  package func counts() async throws(NodeError) -> (ready: Int, all: Int) {
    let index = index
    return try await owner.withRoles("mount") { roles, _ in
      (roles.mounts[index].readyCount, roles.mounts[index].importCount)
    }
  }
}

extension LustreNode {
  /// Mounts a file system: asks its management server for the targets, and connects to each.
  ///
  /// - Parameters:
  ///   - fileSystem: its name, 1 to 8 characters.
  ///   - management: NIDs of each node of its management server, the usual one first.
  ///   - timeout: until every import must be FULL; then all is left again.
  /// - Throws: `NodeError`: remote, with the explanation; timedOut, with what is missing; limit, cancelled, stopped.
  package func mount(
    _ fileSystem: String, management: [[NID]], timeout: Duration = .seconds(100)
  ) async throws(NodeError) -> MountedFileSystem {
    let peer = management.first?.first
    let ready = Call<Int>()
    let end = Call<Bool>()
    let number = desk.makeNumber { event, roles, node in
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
      case .unmounted: end.finish(.success(true))
      default: break
      }
    }
    let index: Int?
    do throws(NodeError) {
      index = try await withRoles("mount") { roles, node in
        roles.mount(fileSystem, management: management, tag: number, &node)
      }
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
      fileSystem, index: index, owner: self, number: number, end: end)
    await watch(ready, peer, index, timeout)
    let outcome = await withTaskCancellationHandler {
      await ready.outcome()
    } onCancel: {
      ready.finish(.failure(.cancelled("mount", peer)))
    }
    do throws(NodeError) {
      _ = try outcome.get()
      return mount
    } catch {
      if error.code == .remote { desk.forget(number) } else { await mount.unmount() }
      throw error
    }
  }

  /// Ends the wait when its time has passed, with what is missing.
  private func watch(_ ready: Call<Int>, _ peer: NID?, _ index: Int, _ timeout: Duration) async {
    let desk = desk
    let inbox = node.inbox
    node.inbox.send { node, operations in
      let deadline = node.turn.now.advanced(by: timeout)
      _ = operations.begin(deadline: deadline, &node) { signal, _, _ in
        switch signal {
        case .event, .connections, .cancelled: return .goesOn
        case .stopped: ready.finish(.failure(.stopped("mount", peer)))
        case .deadline:
          desk.put(
            RoleDesk.Work(
              run: { roles, node in
                let text = roles.explanation(ofMount: index, node)
                ready.finish(
                  .failure(
                    NodeError(
                      code: .timedOut, operation: "mount", peer: peer, errno: 110,
                      explanation: "not all is connected in time (ETIMEDOUT): \(text)")))
              }, stopped: { ready.finish(.failure(.stopped("mount", peer))) }))
          inbox.send(isBounded: false) { _, _ in }
        }
        return .done
      }
    }
  }

  /// Leaves all targets that callers or mounts are connected to, then closes every connection in order, and waits until
  /// all that was acknowledged is on disk.
  package func stop() async {
    _ = try? await withRoles("stop") { roles, node in
      for index in 0..<roles.mounts.count where !roles.mounts[index].isOver {
        roles.unmount(index, &node)
      }
      for place in 0..<node.connections.importPlaceCount {
        guard let handle = node.connections.importHandle(at: place),
          let tag = node.connections.view(handle)?.description.tag,
          OwnerTag(raw: tag).part == .program
        else { continue }
        node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
      }
    }
    // A client has left when it has no imports any more; a server's own links end with the node.
    for _ in 0..<Self.leaveLookCount where hosted.isEmpty {
      let left = try? await withRoles("stop") { _, node in node.connections.importCount }
      if left ?? 0 == 0 { break }
      try? await Task.sleep(for: .milliseconds(5))
    }
    await node.stop()
  }

  /// Looks, 5 ms apart, at whether all has been left: as long as a DISCONNECT may take.
  private static let leaveLookCount = 1200
}
