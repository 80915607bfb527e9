/** The source of the functions' code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Architecture, Code, Function, type FunctionOptions, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { RustFunction } from 'cargo-lambda-cdk';
import type { Construct } from 'constructs';
import { ConfigurationError } from './configuration-error';
import type { FunctionName } from './functions';
import { EXTRACT_PODS_MANIFEST, FUNCTIONS_MANIFEST, PACKAGED_FUNCTIONS } from './repository';

/** The options of a function, without its code. */
export interface FunctionCodeOptions extends FunctionOptions {
  /** The processor architecture that the function is built for. */
  readonly architecture: Architecture;
}

/** The source of the functions' code: packaged zip files, zip files in a bucket, or a build during synthesis. */
export abstract class FunctionCode {
  /**
   * Zip files that `cargo xtask package` wrote: `DIRECTORY/ARCHITECTURE/NAME.zip`. `ARCHITECTURE` is `arm64` or `x86_64`, as
   * for `cargo xtask package --arch`.
   *
   * @param directory the folder with the zip files. Default: `dist/functions` of this repository
   */
  static packaged(directory: string = PACKAGED_FUNCTIONS): FunctionCode {
    return new ZipFunctionCode((name, architecture) => {
      const zip = join(directory, architecture.name, `${name}.zip`);
      if (!existsSync(zip)) {
        throw new ConfigurationError(
          'functions',
          `${zip} does not exist`,
          `Package the functions: cargo xtask package --arch ${architecture.name}`,
        );
      }
      return Code.fromAsset(zip);
    });
  }

  /**
   * The same zip files in a bucket of the stack's Region: `s3://BUCKET/PREFIX/ARCHITECTURE/NAME.zip`. Use a different prefix
   * for each version: CloudFormation updates a function's code only when its key changes.
   *
   * @param bucketName the bucket's name
   * @param prefix the prefix of the keys
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
   * Functions that cargo-lambda builds while the app is synthesised. The machine needs Rust and cargo-lambda, and Zig to build
   * for another architecture. Without cargo-lambda, cargo-lambda-cdk builds in Docker.
   *
   * @param manifestPath the path of a Cargo.toml. Default: `functions/Cargo.toml` of this repository
   */
  static cargoLambda(manifestPath: string = FUNCTIONS_MANIFEST): FunctionCode {
    return new RustFunctionCode(manifestPath);
  }

  /**
   * Creates a function with this code.
   *
   * @param scope the construct's scope
   * @param id the construct's id
   * @param name the function's name, without the prefix
   * @param options the other settings of the function
   */
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
      // The function extract-pods is in a crate of its own.
      manifestPath: name === 'extract-pods' ? EXTRACT_PODS_MANIFEST : this.manifestPath,
      binaryName: name,
      // Build with the versions of Cargo.lock.
      bundling: { cargoLambdaFlags: ['--locked'] },
    });
  }
}
