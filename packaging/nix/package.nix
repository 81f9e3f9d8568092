# nix-build -E '(import <nixpkgs> {}).callPackage ./packaging/nix/package.nix {}'
{ lib, rustPlatform, llvmPackages, pkg-config, elfutils, zlib, installShellFiles }:

rustPlatform.buildRustPackage {
  pname = "tcplife";
  version = "0.2.0";
  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ llvmPackages.clang-unwrapped pkg-config installShellFiles ];
  buildInputs = [ elfutils zlib ];
  # the tests load BPF programs
  doCheck = false;

  postInstall = ''
    $out/bin/tcplife --generate man > tcplife.8
    installManPage tcplife.8
    installShellCompletion --cmd tcplife \
      --bash <($out/bin/tcplife --generate bash) \
      --zsh <($out/bin/tcplife --generate zsh) \
      --fish <($out/bin/tcplife --generate fish)
  '';

  meta = {
    description = "Every TCP session of a Linux host";
    license = with lib.licenses; [ mit asl20 gpl2Only bsd2 ];
    platforms = lib.platforms.linux;
    mainProgram = "tcplife";
  };
}
