// What a writer was given.
import Synchronization

final class Collected: Sendable {
  private let lines = Mutex("")

  var text: String { lines.withLock { $0 } }

  func append(_ line: String) { lines.withLock { $0 += line } }
}
