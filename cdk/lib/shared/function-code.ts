/** Where the functions' code comes from. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Architecture, Code, Function, type FunctionOptions, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { RustFunction } from 'cargo-lambda-cdk';
import type { Construct } from 'constructs';
import { ConfigurationError } from './configuration-error';
import type { FunctionName } from './functions';
import { EXTRACT_PODS_MANIFEST, FUNCTIONS_MANIFEST, PACKAGED_FUNCTIONS } from './repository';

/** What a function is made with, wherever its code comes from. */
export interface FunctionCodeOptions extends FunctionOptions {
  /** The processor that the function is built for. */
  readonly architecture: Architecture;
}

/** Where the functions' code comes from: built before, in a bucket, or built while the app is synthesised. */
export abstract class FunctionCode {
  /**
   * Zip files that `cargo xtask package` made: `DIRECTORY/ARCHITECTURE/NAME.zip`, with `ARCHITECTURE` as `cargo xtask
   * package --arch` names it, `arm64` or `x86_64`.
   *
   * @param directory the default is `dist/functions` of this repository
   */
  static packaged(directory: string = PACKAGED_FUNCTIONS): FunctionCode {
    return new ZipFunctionCode((name, architecture) => {
      const zip = join(directory, architecture.name, `${name}.zip`);
      if (!existsSync(zip)) {
        throw new ConfigurationError(
          'functions',
          `${zip} does not exist`,
          `Build the functions: cargo xtask package --arch ${architecture.name}`,
        );
      }
      return Code.fromAsset(zip);
    });
  }

  /**
   * The same zip files in a bucket of the stack's region: `s3://BUCKET/PREFIX/ARCHITECTURE/NAME.zip`. A new version must
   * have a new prefix, as Lambda takes new code only from a new key.
   */
  static inBucket(bucketName: string, prefix: string): FunctionCode {
    return new ZipFunctionCode((name, architecture, scope) =>
      Code.fromBucket(
        Bucket.fromBucketName(scope, `${name}-code`, bucketName),
        [prefix.replace(/\/+$/, ''), architecture.name, `${name}.zip`]
          .filter((part) => part !== '')
          .join('/'),
      ),
    );
  }

  /**
   * Built by cargo-lambda while the app is synthesised. Needs Rust and cargo-lambda (with Zig for the other
   * architecture) on the machine that synthesises; without cargo-lambda, cargo-lambda-cdk builds in Docker.
   *
   * @param manifestPath the default is `functions/Cargo.toml` of this repository
   */
  static cargoLambda(manifestPath: string = FUNCTIONS_MANIFEST): FunctionCode {
    return new RustFunctionCode(manifestPath);
  }

  /** Makes the function's resource. */
  abstract create(scope: Construct, id: string, name: FunctionName, options: FunctionCodeOptions): Function;
}

class ZipFunctionCode extends FunctionCode {
  constructor(
    private readonly code: (name: FunctionName, architecture: Architecture, scope: Construct) => Code,
  ) {
    super();
  }

  create(scope: Construct, id: string, name: FunctionName, options: FunctionCodeOptions): Function {
    return new Function(scope, id, {
      ...options,
      runtime: Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: this.code(name, options.architecture, scope),
    });
  }
}

class RustFunctionCode extends FunctionCode {
  constructor(private readonly manifestPath: string) {
    super();
  }

  create(scope: Construct, id: string, name: FunctionName, options: FunctionCodeOptions): Function {
    return new RustFunction(scope, id, {
      ...options,
      runtime: 'provided.al2023',
      // extract-pods is a crate of its own beside the functions'.
      manifestPath: name === 'extract-pods' ? EXTRACT_PODS_MANIFEST : this.manifestPath,
      binaryName: name,
      // Every binary of the workspace shares its dependencies; the lock decides them.
      bundling: { cargoLambdaFlags: ['--locked'] },
    });
  }
}
