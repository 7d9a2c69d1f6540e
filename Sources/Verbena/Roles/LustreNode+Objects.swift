internal import Connections
internal import LustreWire
internal import NodeCore
internal import RDMATransport
package import Roles
internal import Synchronization

/// A finished operation on an object: the memory, and what came of it.
package struct ObjectOutcome: ~Copyable, Sendable {
  /// The caller's memory, given back.
  package var buffer: BulkBuffer
  package let result: Result<ObjectResult, NodeError>

  /// The memory, for the next operation.
  package consuming func takeBuffer() -> BulkBuffer { buffer }
}

extension LustreNode {
  /// Reads or writes an object's bytes: as many as the buffer has, or its first `byteCount`.
  ///
  /// - Parameters:
  ///   - wish: what to do; its memory is the buffer's.
  ///   - buffer: consumed, and given back when the wire is done with it.
  ///   - timeout: then it is given up; nil for never.
  package func object(
    _ wish: ObjectWish, _ buffer: consuming BulkBuffer, byteCount: Int? = nil, on owner: Import,
    timeout: Duration? = nil
  ) async -> ObjectOutcome {
    if let error = buffer.refusal("object \(wish.action)", byteCount, by: node.inbox) {
      return ObjectOutcome(buffer: buffer, result: .failure(error))
    }
    var wish = wish
    wish.memory = buffer.ref.part(offset: 0, length: byteCount ?? buffer.byteCount)
    do throws(NodeError) {
      let result = try await object(wish, on: owner, timeout: timeout)
      return ObjectOutcome(buffer: buffer, result: .success(result))
    } catch { return ObjectOutcome(buffer: buffer, result: .failure(error)) }
  }

  /// Does something to an object of a target, and waits for the end: PtlRPC's deadlines hold.
  ///
  /// - Throws: `NodeError`: limit, remote with the target's errno, cancelled, stopped.
  package func object(
    _ wish: ObjectWish, on owner: Import, timeout: Duration? = nil
  ) async throws(NodeError) -> ObjectResult {
    try await object(wish, onImport: owner.handle, timeout: timeout)
  }

  /// The same; memory that the wire may still use is waited for after the timeout and a cancellation.
  ///
  /// - Parameter timeout: then it is given up; nil for never.
  func object(
    _ wish: ObjectWish, onImport handle: ImportHandle, timeout: Duration?
  ) async throws(NodeError) -> ObjectResult {
    let call = Call<ObjectResult>()
    let desk = desk
    let operation = "object \(wish.action)"
    let end = ObjectEnd()
    let number = desk.makeNumber(
      stopped: { call.finish(.failure(.stopped(operation, nil))) }
    ) { event, roles, _ in
      let result = roles.objects.result(Int(event.index))
      roles.objects.release(Int(event.index))
      desk.forget(event.tag)
      end.place.store(-1, ordering: .relaxed)
      let outcome: Result<ObjectResult, NodeError> =
        if end.isCancelled.load(ordering: .relaxed) {
          .failure(.cancelled(operation, nil))
        } else if result.status != 0 {
          .failure(NodeError(status: result.status, operation, nil))
        } else { .success(result) }
      call.finish(outcome)
    }
    let isBegun: Bool
    do throws(NodeError) {
      isBegun = try await withRoles(operation) { roles, node in
        guard node.connections.view(handle) != nil,
          let place = roles.startObject(wish, on: handle, tag: number, &node)
        else { return false }
        end.place.store(place, ordering: .relaxed)
        return true
      }
    } catch {
      desk.forget(number)
      throw error
    }
    guard isBegun else {
      desk.forget(number)
      throw NodeError(
        code: .limit, operation: operation,
        explanation: "too many operations on objects are under way, or the import is gone")
    }
    return try await outcome(of: call, end, timeout)
  }

  /// Waits for an operation's end, which comes sooner when its time has passed or the caller is cancelled.
  private func outcome(
    of call: Call<ObjectResult>, _ end: ObjectEnd, _ timeout: Duration?
  ) async throws(NodeError) -> ObjectResult {
    let alarm = timeout.map { timeout in
      Task {
        try await Task.sleep(for: timeout)
        self.abandon(end, .etimedout)
      }
    }
    let outcome = await withTaskCancellationHandler {
      await call.outcome()
    } onCancel: {
      end.isCancelled.store(true, ordering: .relaxed)
      self.abandon(end, .eintr)
    }
    alarm?.cancel()
    return try outcome.get()
  }

  private func abandon(_ end: ObjectEnd, _ error: WireErrno) {
    desk.put(
      RoleDesk.Work(
        run: { roles, node in
          let place = end.place.load(ordering: .relaxed)
          if place >= 0 { roles.abandonObject(place, error.status, &node) }
        }, stopped: {}))
    node.inbox.send(isBounded: false) { _, _ in }
  }
}

/// How a caller's operation on an object ends before its time.
private final class ObjectEnd: Sendable {
  /// Its place while it is under way, else -1; used on the loop only.
  let place = Atomic<Int>(-1)
  let isCancelled = Atomic<Bool>(false)
}
