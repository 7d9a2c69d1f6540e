// Support: the committed capture files, and the larger ones when they are there.

import Capture
import Foundation

enum CaptureFiles {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let committed = root.appending(path: "Tests/Golden/captures")

  /// The folder of captures that are too large for the repository: VERBENA_CAPTURES, or beside the checkout.
  private static let folder =
    ProcessInfo.processInfo.environment["VERBENA_CAPTURES"].map { URL(filePath: $0) }
    ?? root.deletingLastPathComponent().appending(path: "shared/captures")

  static let small = ["01-lctl-ping-o2ib", "17-stale-depth-o2ib"]
  static let large = [
    "03-mount-io-umount-o2ib", "05-ost-restart-o2ib", "06-recover-o2ib", "07-evict-ost-o2ib",
    "09-idle-ping-o2ib", "10-server-crash-replay-o2ib", "16-two-servers-register-o2ib",
  ]
  static let present = small + large.filter { FileManager.default.fileExists(atPath: path($0)) }
  static var allArePresent: Bool { present.count == small.count + large.count }

  static func path(_ name: String) -> String {
    (small.contains(name) ? committed : folder).appending(path: name + ".pcap").path
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path(name))))
  }

  static func decoded(_ name: String) throws -> [DecodedMessage] {
    Array(try Decoder(try bytes(name)))
  }
}
