internal import Foundation

/// Which commit the running program was built from.
enum SourceCommit {
  /// The variable VERBENA_COMMIT, else the file that an archive carries beside its `bin`, else the commit of the
  /// git tree that the program's build folder lies in; `unknown` otherwise.
  static func text(
    host: HostFiles, executable: String? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    if let commit = environment["VERBENA_COMMIT"], !commit.isEmpty { return commit }
    let path =
      executable
      ?? (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    let carried = folder.deletingLastPathComponent().path + "/share/verbena/commit"
    if let commit = host.text(carried) { return commit }
    // A build folder lies a few levels below the tree.
    for _ in 0..<8 where folder.path != "/" {
      let git = folder.path + "/.git"
      if host.exists(git) { return head(git: git, host) ?? "unknown" }
      folder = folder.deletingLastPathComponent()
    }
    return "unknown"
  }

  /// The commit that HEAD names; a worktree's `.git` is a file that names its folder.
  private static func head(git: String, _ host: HostFiles) -> String? {
    var folder = git
    if let pointer = host.text(git), pointer.hasPrefix("gitdir: ") {
      folder = String(pointer.dropFirst(8))
    }
    guard let head = host.text(folder + "/HEAD") else { return nil }
    guard head.hasPrefix("ref: ") else { return head }
    let name = String(head.dropFirst(5))
    let shared = host.text(folder + "/commondir").map { $0.hasPrefix("/") ? $0 : "\(folder)/\($0)" }
    for base in [folder, shared].compactMap({ $0 }) {
      if let commit = host.text("\(base)/\(name)") { return commit }
      for line in (host.text(base + "/packed-refs") ?? "").split(separator: "\n")
      where line.hasSuffix(" " + name) {
        return String(line.prefix { $0 != " " })
      }
    }
    return nil
  }
}
