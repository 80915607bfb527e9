/** The source of the functions' code. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Architecture, Code, Function, type FunctionOptions, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { RustFunction } from 'cargo-lambda-cdk';
import type { Construct, IConstruct } from 'constructs';
import { ConfigurationError } from './configuration-error';
import type { FunctionName } from './functions';
import { FUNCTIONS_MANIFEST, PACKAGED_FUNCTIONS } from './repository';
import { STAND_IN, refuseDeployment } from './stand-in';

/** The options of a function, without its code. */
export interface FunctionCodeOptions extends FunctionOptions {
  /** The processor architecture that the function is built for. */
  readonly architecture: Architecture;
}

/** The value of the context `functions` that stands for {@link FunctionCode.standIn}. */
export const STAND_IN_SETTING = 'stand-in';

/** The source of the functions' code: packaged zip files, zip files in a bucket, a build during synthesis, or a stand-in. */
export abstract class FunctionCode {
  /**
   * Zip files that `cargo xtask package` wrote, or those of a release: `DIRECTORY/ARCHITECTURE/NAME.zip`. `ARCHITECTURE` is `arm64`
   * or `x86_64`, as for `cargo xtask package --arch`.
   *
   * @param directory the folder with the zip files. Default: `dist/functions` of the repository, or, for an app that uses the package of
   * the constructs, of the working directory
   */
  static packaged(directory: string = PACKAGED_FUNCTIONS): FunctionCode {
    return new ZipFunctionCode((name, architecture) => {
      const zip = join(directory, architecture.name, `${name}.zip`);
      if (!existsSync(zip)) {
        throw new ConfigurationError(
          'functions',
          `${zip} does not exist`,
          `Package the functions (cargo xtask package --arch ${architecture.name}), or unpack those of a release (docs/deploy.md). To look at the template without them: -c functions=${STAND_IN_SETTING}`,
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
   * @param manifestPath the path of `functions/Cargo.toml` in a clone of the repository. Default: that of this repository
   */
  static cargoLambda(manifestPath: string = FUNCTIONS_MANIFEST): FunctionCode {
    if (!existsSync(manifestPath)) {
      throw new ConfigurationError(
        'functions.cargoLambda',
        `${manifestPath} does not exist`,
        'Give the path of functions/Cargo.toml in a clone of the repository',
      );
    }
    return new RustFunctionCode(manifestPath);
  }

  /**
   * No functions at all, to look at a template without building any. A stack with it refuses to be deployed: the functions of the template
   * fail at once, and Auto Scaling would abandon each launch.
   */
  static standIn(): FunctionCode {
    return new StandInFunctionCode();
  }

  /**
   * The source that `-c functions=…` names: a folder of zip files, or `stand-in`.
   *
   * @param scope the app, or a construct in it
   * @returns undefined without this context
   */
  static fromContext(scope: IConstruct): FunctionCode | undefined {
    const value: unknown = scope.node.tryGetContext('functions');
    return typeof value === 'string' ? FunctionCode.fromSetting(value) : undefined;
  }

  /**
   * The source that a setting of a command names.
   *
   * @param setting a folder of zip files, relative to the working directory, or `stand-in`
   */
  static fromSetting(setting: string): FunctionCode {
    return setting === STAND_IN_SETTING ? FunctionCode.standIn() : FunctionCode.packaged(resolve(setting));
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

class StandInFunctionCode extends FunctionCode {
  create(scope: Construct, id: string, _: FunctionName, options: FunctionCodeOptions): Function {
    refuseDeployment(scope);
    return new Function(scope, id, {
      ...options,
      runtime: Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: Code.fromAsset(STAND_IN),
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
      manifestPath:
        name === 'extract-pods'
          ? join(dirname(this.manifestPath), '..', 'traffic', 'extract-pods', 'Cargo.toml')
          : this.manifestPath,
      binaryName: name,
      // Build with the versions of Cargo.lock.
      bundling: { cargoLambdaFlags: ['--locked'] },
    });
  }
}
