internal import BenchKit
internal import Dispatch
internal import struct Foundation.Date
internal import LustreWire
internal import Roles
internal import Synchronization
internal import Verbena

/// An object's bytes on their way, in pieces of which a few are under way at a time.
final class ObjectTransfer: Sendable {
  /// Bytes of one piece, and pieces under way.
  private static let pieceByteCount: UInt64 = 1 << 20
  private static let laneCount = 4

  private struct State {
    var next: UInt64 = 0
    var moved: UInt64 = 0
    /// Pieces that the target has to answer for.
    var waiting = 0
    /// Pieces that have begun or ended.
    var steps = 0
    var retries = 0
    var hasFailed = false
    var progress: Progress
  }

  let byteCount: UInt64
  private let action: ObjectWish.Action
  private let object: ObjectID
  private let checksum: ObjectWish.Checksum
  private let file: ObjectFile
  private let interruption: Interruption
  private let deadline: Duration
  private let start = DispatchTime.now().uptimeNanoseconds
  private let state: Mutex<State>

  /// - Parameter action: `.write`: from the file to the object; `.read`: the other way.
  init(
    _ action: ObjectWish.Action, _ object: ObjectID, _ byteCount: UInt64,
    _ session: ObjectSession, _ file: ObjectFile
  ) {
    self.action = action
    self.object = object
    self.byteCount = byteCount
    self.file = file
    checksum = session.checksum
    interruption = session.interruption
    deadline = session.deadline
    state = Mutex(State(progress: Progress(now: start)))
  }

  /// Moves everything; lanes that others' failures have made useless end early.
  func run(_ node: LustreNode, _ owner: Import) async throws {
    defer { state.withLock { $0.progress.finish() } }
    let lanes = WatchedLanes<Void>(
      count: file.isStream ? 1 : Self.laneCount, deadline: deadline, steps: steps,
      failure: silence)
    do {
      _ = try await lanes.run { _ in
        do {
          try await self.runLane(node, owner)
        } catch {
          self.state.withLock { $0.hasFailed = true }
          throw error
        }
      }
    } catch {
      // What a signal has ended says so below.
      guard interruption.isRequested else { throw error }
    }
    if interruption.isRequested {
      throw CommandFailure(.interrupted, "interrupted at \(moved) of \(byteCount) bytes")
    }
  }

  private var moved: UInt64 { state.withLock { $0.moved } }

  /// Pieces that have begun or ended; nil while the target has to answer for none: what the file takes does not count.
  @Sendable private func steps() -> Int? {
    state.withLock { $0.waiting > 0 ? $0.steps : nil }
  }

  @Sendable private func silence() -> CommandFailure {
    CommandFailure(
      .timedOut,
      "object \(action): \(object.text): no answer for \(deadline) at \(moved) of \(byteCount) bytes: "
        + "is the target up, and its disk well? --deadline waits longer")
  }

  /// The next piece; nil when there is none, or the end has come early.
  private func claim() -> (offset: UInt64, count: Int)? {
    state.withLock { state in
      guard state.next < byteCount, !state.hasFailed, !interruption.isRequested else { return nil }
      let offset = state.next
      state.next = min(byteCount, offset + Self.pieceByteCount)
      return (offset, Int(state.next - offset))
    }
  }

  private func runLane(_ node: LustreNode, _ owner: Import) async throws {
    guard var piece = claim() else { return }
    var buffer = try await node.node.allocate(byteCount: Int(Self.pieceByteCount))
    while true {
      if action == .write {
        var bytes = buffer.mutableBytes
        try file.read(piece.count, into: &bytes, at: piece.offset)
      }
      var wish = ObjectWish(action, object)
      wish.offset = piece.offset
      wish.checksum = checksum
      if action == .write {
        // Targets have no clock: an object's time is what its writers say.
        wish.attributes.valid = .modificationTime
        wish.attributes.modificationTime = Int64(Date().timeIntervalSince1970)
      }
      step(waiting: 1)
      let outcome = await node.object(wish, buffer, byteCount: piece.count, on: owner)
      step(waiting: -1)
      let result = outcome.result
      buffer = outcome.takeBuffer()
      let done: ObjectResult
      do throws(NodeError) {
        done = try result.get()
      } catch { throw Self.placed(error, object, piece.offset, byteCount, file.path) }
      guard done.byteCount == piece.count else {
        throw CommandFailure(
          .failed, "\(object.text) ends before byte \(piece.offset + UInt64(piece.count))")
      }
      if action == .read {
        try file.write(buffer.bytes.extracting(first: piece.count), at: piece.offset)
      }
      note(done)
      guard let next = claim() else { return }
      piece = next
    }
  }

  /// Why a piece has failed, with where: the object, its byte, and the file.
  static func placed(
    _ error: NodeError, _ object: ObjectID, _ offset: UInt64, _ byteCount: UInt64, _ path: String
  ) -> NodeError {
    var error = error
    let hint = error.errno == 28 ? "; the target's disk is full" : ""
    error.explanation =
      "\(object.text), byte \(offset) of \(byteCount) of \(path): \(error.explanation)\(hint)"
    return error
  }

  private func step(waiting change: Int) {
    state.withLock { state in
      state.waiting += change
      state.steps += 1
    }
  }

  private func note(_ result: ObjectResult) {
    state.withLock { state in
      state.moved += UInt64(result.byteCount)
      state.retries += result.retries
      let moved = state.moved
      state.progress.update(now: DispatchTime.now().uptimeNanoseconds) {
        "\(moved >> 20) of \(byteCount >> 20) MiB"
      }
    }
  }

  /// What has been moved, and how fast.
  func report(_ kind: BulkChecksumKind?) -> String {
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    let rate = Double(byteCount) / seconds / Double(1 << 20)
    return "object: \(object.text)\nbytes: \(byteCount)\n"
      + "seconds: \(Fixed.text(seconds, places: 3))\nMiB_per_second: \(Fixed.text(rate, places: 1))\n"
      + "checksum: \(kind?.text ?? "none")\nretries: \(state.withLock { $0.retries })\n"
  }
}
