/// How this program was built.
enum Build {
  /// Whether the verbs backend is in it: the package's trait `Verbs`.
  static var hasVerbs: Bool {
    #if Verbs
    true
    #else
    false
    #endif
  }
}
